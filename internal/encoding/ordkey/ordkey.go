package ordkey

import (
	"bytes"
	"encoding/binary"
	"math"

	"github.com/pandodb/pando/internal/base"
)

const (
	signBit = 1 << 63
	// A zero byte of the content is followed by escaped, the end of the
	// content by terminator, which sorts before any continuation: content
	// bytes behind a zero byte begin with escaped.
	zero       = 0x00
	escaped    = 0xFF
	terminator = 0x01
)

// AppendUint32 appends the key of v.
func AppendUint32(dst []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(dst, v) }

// AppendUint64 appends the key of v.
func AppendUint64(dst []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(dst, v) }

// AppendInt64 appends the key of v.
func AppendInt64(dst []byte, v int64) []byte { return AppendUint64(dst, uint64(v)^signBit) }

// AppendInt64Desc appends a key of v that sorts greater values first, such
// as newer versions of a cell.
func AppendInt64Desc(dst []byte, v int64) []byte { return AppendUint64(dst, ^(uint64(v) ^ signBit)) }

// AppendFloat64 appends the key of v. The order is total: -0 sorts right
// before +0, NaNs sort by sign and payload outside the infinities.
func AppendFloat64(dst []byte, v float64) []byte {
	u := math.Float64bits(v)
	if u&signBit != 0 {
		return AppendUint64(dst, ^u)
	}
	return AppendUint64(dst, u|signBit)
}

// AppendBytes appends the key of any content, empty included.
func AppendBytes[T []byte | string](dst []byte, content T) []byte {
	start := 0
	for i := 0; i < len(content); i++ {
		if content[i] == zero {
			dst = append(dst, content[start:i+1]...)
			dst = append(dst, escaped)
			start = i + 1
		}
	}
	dst = append(dst, content[start:]...)
	return append(dst, zero, terminator)
}

// DecodeUint32 takes an element of AppendUint32 off src.
func DecodeUint32(src []byte) (v uint32, rest []byte, err error) {
	if len(src) < 4 {
		return 0, nil, errShort(src, 4)
	}
	return binary.BigEndian.Uint32(src), src[4:], nil
}

// DecodeUint64 takes an element of AppendUint64 off src.
func DecodeUint64(src []byte) (v uint64, rest []byte, err error) {
	if len(src) < 8 {
		return 0, nil, errShort(src, 8)
	}
	return binary.BigEndian.Uint64(src), src[8:], nil
}

// DecodeInt64 takes an element of AppendInt64 off src.
func DecodeInt64(src []byte) (v int64, rest []byte, err error) {
	u, rest, err := DecodeUint64(src)
	return int64(u ^ signBit), rest, err
}

// DecodeInt64Desc takes an element of AppendInt64Desc off src.
func DecodeInt64Desc(src []byte) (v int64, rest []byte, err error) {
	u, rest, err := DecodeUint64(src)
	return int64(^u ^ signBit), rest, err
}

// DecodeFloat64 takes an element of AppendFloat64 off src.
func DecodeFloat64(src []byte) (v float64, rest []byte, err error) {
	u, rest, err := DecodeUint64(src)
	if u&signBit != 0 {
		return math.Float64frombits(u ^ signBit), rest, err
	}
	return math.Float64frombits(^u), rest, err
}

// DecodeBytes takes an element of AppendBytes off src and appends its
// content to dst. On error it returns dst as it was.
func DecodeBytes(dst, src []byte) (content, rest []byte, err error) {
	out := dst
	for {
		i := bytes.IndexByte(src, zero)
		if i < 0 || i+1 == len(src) {
			return dst, nil, base.Errorf(base.ClassCorruption, "key: bytes without end")
		}
		out = append(out, src[:i]...)
		mark := src[i+1]
		src = src[i+2:]
		switch mark {
		case terminator:
			return out, src, nil
		case escaped:
			out = append(out, zero)
		default:
			return dst, nil, base.Errorf(base.ClassCorruption, "key: byte %#x after zero", mark)
		}
	}
}

// SkipBytes returns what follows an element of AppendBytes, without looking
// at the content.
func SkipBytes(src []byte) (rest []byte, err error) {
	for {
		i := bytes.IndexByte(src, zero)
		if i < 0 || i+1 == len(src) {
			return nil, base.Errorf(base.ClassCorruption, "key: bytes without end")
		}
		mark := src[i+1]
		src = src[i+2:]
		switch mark {
		case terminator:
			return src, nil
		case escaped:
		default:
			return nil, base.Errorf(base.ClassCorruption, "key: byte %#x after zero", mark)
		}
	}
}

// AppendPrefixEnd appends the least key that is greater than every key that
// starts with prefix. It appends nothing if there is none: the prefix is
// empty or all 0xFF.
func AppendPrefixEnd(dst, prefix []byte) []byte {
	end := len(prefix)
	for end > 0 && prefix[end-1] == 0xFF {
		end--
	}
	if end == 0 {
		return dst
	}
	dst = append(dst, prefix[:end]...)
	dst[len(dst)-1]++
	return dst
}

// errShort says that src is shorter than an element of fixed size.
func errShort(src []byte, want int) error {
	return base.Errorf(base.ClassCorruption, "key: %d bytes left of %d", len(src), want)
}
