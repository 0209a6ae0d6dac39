package bytesenc

import (
	"encoding/binary"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/encoding/intenc"
)

// zstdWindow bounds what a frame may refer back to, and so the memory of a
// coder. Pages are rarely larger.
const zstdWindow = 1 << 20

// The coders are shared: EncodeAll and DecodeAll keep one state per core and
// hand them out among callers.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		enc, err := zstd.NewWriter(nil,
			zstd.WithEncoderLevel(zstd.SpeedDefault),
			zstd.WithEncoderConcurrency(runtime.GOMAXPROCS(0)),
			zstd.WithWindowSize(zstdWindow),
			zstd.WithLowerEncoderMem(true),
			zstd.WithEncoderCRC(false)) // The page has a checksum.
		if err != nil {
			panic(err) // The options are constants.
		}
		return enc
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		dec, err := zstd.NewReader(nil,
			zstd.WithDecoderConcurrency(runtime.GOMAXPROCS(0)),
			zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(zstdWindow),
			zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic(err) // The options are constants.
		}
		return dec
	})
)

// AppendZstd appends the length of src as a uvarint and a zstd frame of it.
func AppendZstd(dst, src []byte) []byte {
	return zstdEncoder().EncodeAll(src, binary.AppendUvarint(dst, uint64(len(src))))
}

// DecodeZstd appends the content of src, exactly one output of AppendZstd,
// to dst. It fails before it allocates if that is more than maxLen bytes.
func DecodeZstd(dst, src []byte, maxLen int) ([]byte, error) {
	declared, frame, err := intenc.Uvarint(src)
	if err != nil {
		return dst, err
	}
	if declared > uint64(max(maxLen, 0)) {
		return dst, corruptf("zstd: %d bytes where %d are allowed", declared, maxLen)
	}
	size, start := int(declared), len(dst)
	grown := slices.Grow(dst, size)
	out, err := zstdDecoder().DecodeAll(frame, grown[:start:start+size])
	if err != nil {
		return dst, corruptf("zstd: %w", err)
	}
	if len(out) != start+size {
		return dst, corruptf("zstd: %d bytes, want %d", len(out)-start, size)
	}
	return grown[:start+size], nil
}

// corruptf returns a corruption error. The caller that knows the file and
// the offset wraps it.
func corruptf(format string, args ...any) error {
	return base.Errorf(base.ClassCorruption, format, args...)
}

const (
	// minZstdBytes: below it a frame's header and tables eat the gain.
	minZstdBytes = 96
	// entropySample is how many bytes the estimate looks at; random bytes
	// then measure above 7.9 bits.
	entropySample = 4096
	// incompressibleBits: order-0 entropy per byte above which a page is
	// taken for compressed or encrypted content. Base64 has 6 bits, which
	// zstd's entropy stage alone reduces by a quarter.
	incompressibleBits = 7.4
)

// worthZstd estimates whether compression is worth trying.
func worthZstd(body []byte) bool {
	if len(body) < minZstdBytes {
		return false
	}
	var histogram [256]uint32
	stride := max(1, len(body)/entropySample)
	count := 0
	for i := 0; i < len(body); i += stride {
		histogram[body[i]]++
		count++
	}
	if count < entropySample/2 {
		return true // Too little to tell, and cheap to try.
	}
	entropy := 0.0
	for _, c := range histogram {
		if c > 0 {
			p := float64(c) / float64(count)
			entropy -= p * math.Log2(p)
		}
	}
	return entropy < incompressibleBits
}
