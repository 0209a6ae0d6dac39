package bytesenc

import "bytes"

// maxDigits is the longest run of digits that always fits an int64.
const maxDigits = 18

// look is what one pass over a page tells about its values.
type look struct {
	constant bool
	hex      bool // even numbers of lower-case hexadecimal digits
	decimal  bool // canonical decimal int64 numbers
	padded   bool // digits only, all of one length up to maxDigits
	hasDigit bool
	minLen   int
	prefix   int // bytes that all values start with
	suffix   int // bytes that all values end with, apart from the prefix
}

// isLeaf reports whether the page has a numeric codec of its own.
func (l *look) isLeaf() bool { return l.hex || l.decimal || l.padded }

// Classes of bytes.
const (
	isDigit  = 1 << iota
	isHex    // 0-9a-f
	isLetter // ASCII
)

// classes holds the classes of every byte.
var classes = func() (table [256]uint8) {
	for c := '0'; c <= '9'; c++ {
		table[c] = isDigit | isHex
	}
	for c := 'a'; c <= 'z'; c++ {
		table[c] = isLetter
		table[c-'a'+'A'] = isLetter
	}
	for c := 'a'; c <= 'f'; c++ {
		table[c] |= isHex
	}
	return table
}()

// lookAt looks at a page of at least one value.
func lookAt(p *Strings) look {
	first := p.Value(0)
	l := look{
		constant: true, hex: true, decimal: true, padded: len(first) <= maxDigits,
		minLen: len(first), prefix: len(first), suffix: len(first),
	}
	for i := range p.Len() {
		value := p.Value(i)
		if l.constant && !bytes.Equal(value, first) {
			l.constant = false
		}
		l.minLen = min(l.minLen, len(value))
		l.prefix = commonPrefix(first, value, l.prefix)
		l.suffix = commonSuffix(first, value, l.suffix)
		if l.isLeaf() || !l.hasDigit {
			l.narrow(value, len(first))
		}
	}
	l.suffix = min(l.suffix, l.minLen-l.prefix)
	return l
}

// narrow clears the alphabets that value does not fit.
func (l *look) narrow(value []byte, firstLen int) {
	every, some := uint8(isDigit|isHex), uint8(0)
	for _, c := range value {
		every &= classes[c]
		some |= classes[c]
	}
	l.hasDigit = l.hasDigit || some&isDigit != 0
	digits := every&isDigit != 0 && len(value) > 0
	l.hex = l.hex && every&isHex != 0 && len(value)%2 == 0
	l.padded = l.padded && digits && len(value) == firstLen
	if l.decimal {
		l.decimal = isCanonical(value)
	}
}

// isCanonical reports whether value is what strconv.AppendInt writes for an
// int64 of at most maxDigits digits.
func isCanonical(value []byte) bool {
	if len(value) > 0 && value[0] == '-' {
		value = value[1:]
		if len(value) > 0 && value[0] == '0' {
			return false
		}
	}
	if len(value) == 0 || len(value) > maxDigits || value[0] == '0' && len(value) > 1 {
		return false
	}
	for _, c := range value {
		if classes[c]&isDigit == 0 {
			return false
		}
	}
	return true
}

// commonPrefix is the number of leading bytes, up to limit, that a and b
// share.
func commonPrefix(a, b []byte, limit int) int {
	limit = min(limit, len(b))
	for i := range limit {
		if a[i] != b[i] {
			return i
		}
	}
	return limit
}

// commonSuffix is the number of trailing bytes, up to limit, that a and b
// share.
func commonSuffix(a, b []byte, limit int) int {
	limit = min(limit, len(b))
	for i := range limit {
		if a[len(a)-1-i] != b[len(b)-1-i] {
			return i
		}
	}
	return limit
}
