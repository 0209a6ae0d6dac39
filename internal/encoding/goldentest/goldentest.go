// Package goldentest runs the annotated dumps that pin the bytes of every
// codec. It is used by tests only.
//
// A dump is a datadriven case. Its command names the codec family, its input
// is hexadecimal with a comment behind two spaces, its output the decoded
// values:
//
//	ints n=3
//	01  const
//	0d  varint -7
//	----
//	-7 -7 -7
package goldentest

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
)

// Codec decodes src as the case's arguments say, renders the values, and
// encodes them again.
type Codec func(t *testing.T, d *datadriven.TestData, src []byte) (rendered string, encoded []byte)

// Run checks every case of the file: the bytes decode to the values, and the
// values encode to the bytes. A case with the argument "old" may be of a
// codec that the encoder no longer chooses for these values.
func Run(t *testing.T, path string, codecs map[string]Codec) {
	datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
		codec, ok := codecs[d.Cmd]
		if !ok {
			d.Fatalf(t, "unknown codec family %q", d.Cmd)
		}
		src := parseDump(t, d)
		rendered, encoded := codec(t, d, src)
		if !d.HasArg("old") && !bytes.Equal(encoded, src) {
			d.Fatalf(t, "encodes to\n% x\nwant\n% x", encoded, src)
		}
		return rendered + "\n"
	})
}

// parseDump returns the bytes of a dump.
func parseDump(t *testing.T, d *datadriven.TestData) []byte {
	var src []byte
	for line := range strings.Lines(d.Input) {
		digits, _, _ := strings.Cut(strings.TrimRight(line, "\n"), "  ")
		part, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil {
			d.Fatalf(t, "line %q: %v", line, err)
		}
		src = append(src, part...)
	}
	return src
}
