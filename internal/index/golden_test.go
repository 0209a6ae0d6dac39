package index

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// readGolden returns the bytes of an annotated dump: hexadecimal, with comments
// from # to the end of a line.
func readGolden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var digits strings.Builder
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		for f := range strings.FieldsSeq(line) {
			digits.WriteString(f)
		}
	}
	want, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return want
}

func goldenTerms() []string {
	terms := []string{"", "a longer term that shares nothing"}
	for i := range 16 {
		terms = append(terms, fmt.Sprintf("user-%02d", i*7))
	}
	return append(terms, "user-98/a suffix that is long", "user-98/a suffix that is longer")
}

// goldenColumn has a dense term (0), a long list with a run block and an escaped
// one (1), short lists (2, 3: escaped, 4: one row) and a term without rows (5).
func goldenColumn() PostingsInput {
	in := PostingsInput{Rows: 4096, Terms: 6, ValueRows: []uint32{}}
	add := func(code uint32, rows ...uint32) {
		for _, r := range rows {
			in.ValueRows, in.Codes = append(in.ValueRows, r), append(in.Codes, code)
		}
	}
	for r := range uint32(128) {
		add(1, r)
	}
	add(2, 200, 203, 204, 211)
	add(3, 300, 301, 302, 303, 304)
	add(1, 400, 401, 403, 404, 405, 406)
	for r := uint32(1000); r < 1300; r++ {
		add(0, r)
	}
	add(4, 2000)
	add(3, 3000, 3001, 3002, 3004)
	add(1, 4000)
	return in
}

func TestGoldenTerms(t *testing.T) {
	want := readGolden(t, "terms.txt")
	got, err := AppendTerms(nil, dictOf(goldenTerms()...))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("bytes changed, error %v:\n got %x\nwant %x", err, got, want)
	}
	checkTerms(t, newRand(1), dictOf(goldenTerms()...))
}

func TestGoldenPostings(t *testing.T) {
	want := readGolden(t, "postings.txt")
	if got := AppendPostings(nil, goldenColumn()); !bytes.Equal(got, want) {
		t.Fatalf("bytes changed:\n got %x\nwant %x", got, want)
	}
	var w PostingsWriter
	checkPostings(t, &w, goldenColumn())
}
