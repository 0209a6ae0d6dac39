package part

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// annotator writes bytes as hex with their meaning beside them:
//
//	00001c  03                                               rows: 3
//
// It is for bytes that were verified. Where they do not hold what the caller
// expects it prints what is left and goes on with nothing.
type annotator struct {
	w    io.Writer
	off  int64 // of src[0] in the file
	src  []byte
	err  error // of w
	line strings.Builder
}

// bytesPerLine is the number of bytes before a line is broken.
const bytesPerLine = 16

// printf writes a line without bytes.
func (a *annotator) printf(format string, args ...any) {
	if a.err == nil {
		_, a.err = fmt.Fprintf(a.w, format+"\n", args...)
	}
}

// take writes the next n bytes and what they mean.
func (a *annotator) take(n int, format string, args ...any) []byte {
	n = min(n, len(a.src))
	taken := a.src[:n]
	meaning := "  " + fmt.Sprintf(format, args...)
	for first := true; n > 0; first = false {
		k := min(n, bytesPerLine)
		a.line.Reset()
		fmt.Fprintf(&a.line, "%06x  ", a.off)
		for _, b := range a.src[:k] {
			fmt.Fprintf(&a.line, "%02x ", b)
		}
		if first {
			fmt.Fprintf(&a.line, "%*s%s", 3*(bytesPerLine-k), "", meaning)
		}
		a.printf("%s", strings.TrimRight(a.line.String(), " "))
		a.src, a.off, n = a.src[k:], a.off+int64(k), n-k
	}
	return taken
}

// uvarint writes the next uvarint; format has one verb, for its value.
func (a *annotator) uvarint(format string) uint64 {
	v, n := binary.Uvarint(a.src)
	if n <= 0 {
		n = len(a.src)
	}
	a.take(n, format, v)
	return v
}

// section writes the length of the next section and returns the section.
func (a *annotator) section(what string) []byte {
	n := a.uvarint(what + ": %d bytes")
	return a.src[:min(n, uint64(len(a.src)))]
}

// ints writes a section of n integers with their values.
func (a *annotator) ints(what string, n int) {
	body := a.section(what)
	d := decoder{src: appendSection(nil, body)}
	a.take(len(body), "  %v", d.ints(nil, n))
}

// rows writes a section of ordinals below n.
func (a *annotator) rows(what string, n int) []uint32 {
	body := a.section(what)
	d := decoder{src: appendSection(nil, body)}
	vals := d.rows(n)
	a.take(len(body), "  %v", vals)
	return vals
}

// text writes a section of text.
func (a *annotator) text(what string) {
	body := a.section(what)
	a.take(len(body), "  %q", body)
}
