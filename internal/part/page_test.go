package part

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/column"
)

// pageTwin is a table of two blocks of 100 rows that has the pages which the
// dumps of a tiny part have not: shared lists of rows, lists of ordinals, and
// compressed terms.
func pageTwin() *twin {
	t := &twin{layout: testLayout(100)}
	for row := range 200 {
		t.keys = append(t.keys, traceKey(7, [16]byte{15: byte(3 - row/100)}))
		t.times, t.ids = append(t.times, int64(row)), append(t.ids, uint64(row))
	}
	add := func(name string, value func(row int) string) {
		c := twinColumn{id: column.ID{Family: 1, Type: column.String, Name: name}, vals: make([]*column.Value, 200)}
		for row := range c.vals {
			if s := value(row); s != "" {
				v := column.StringValue(s)
				c.vals[row] = &v
			}
		}
		t.cols = append(t.cols, c)
	}
	add("a", func(row int) string { return [...]string{"x", "", "y", ""}[row*7%4] })
	add("b", func(row int) string { return [...]string{"only", ""}[row*7%2] })
	add("c", func(row int) string {
		if row < 100 {
			return fmt.Sprintf("term-of-some-length/%02d", row*3%16)
		}
		return fmt.Sprintf("term-of-some-length/%02d", 15*(row*row/3%2))
	})
	return t
}

func TestPageBytesAreGolden(t *testing.T) {
	fs := vfs.NewMem()
	tw := pageTwin()
	if err := tw.writeColumns(fs, false); err != nil {
		t.Fatal(err)
	}
	if err := readAll(t, fs, tw); err != nil {
		t.Fatal(err)
	}
	p, err := Open(OpenOptions{FS: fs, Dir: "p"})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	units, err := p.units()
	if err != nil {
		t.Fatal(err)
	}
	f := func(file *fileReader, is func(u unitInfo) bool, want string) {
		t.Helper()
		i := slices.IndexFunc(units[file], is)
		payload, err := file.unit(units[file][i].ref)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(payload); got != want {
			t.Errorf("unit %+v:\n%s, want\n%s", units[file][i], got, want)
		}
	}
	page := func(block, col int) func(unitInfo) bool {
		return func(u unitInfo) bool { return u.kind == unitPage && u.i == block && u.col == col }
	}
	terms := func(col int) func(unitInfo) bool {
		return func(u unitInfo) bool { return u.kind == unitTerms && u.col == col }
	}
	f(p.times, page(0, 0),
		"81"+ // codes, with rows
			"0a"+"053201feffffffffff03"+ // 10 bytes of Rows: every second of 100
			"0201aaaaaaaaaaaa02") // Codes of one bit: 0 1 0 1 …
	f(p.times, page(0, 1),
		"c1"+"01"+ // codes, with the rows of the column before
			"0100") // Codes: all 0
	f(p.times, page(1, 2),
		"02"+ // local
			"03"+"040180"+ // 3 bytes of Rows: the ordinals 0 and 15 of 16
			"0201711cc7711cc7711cc7711cc701") // Codes of one bit: indices in these
	f(p.index, terms(1),
		"01"+ // plain
			"0101000105046f6e6c79") // terms of package index: "only"
}

func TestTermsUnitCompressesWhatPays(t *testing.T) {
	f := func(terms []byte, codec byte) {
		t.Helper()
		unit := appendTermsUnit(nil, terms)
		if unit[0] != codec {
			t.Errorf("%d bytes of terms have codec %d, want %d", len(terms), unit[0], codec)
		}
		got, err := parseTermsUnit(unit)
		if err != nil || !slices.Equal(got, terms) {
			t.Errorf("%d bytes of terms read as %d, %v", len(terms), len(got), err)
		}
	}
	f(nil, termsPlain)
	f(make([]byte, minZstdBytes-1), termsPlain)
	f(make([]byte, minZstdBytes), termsZstd)
	f(make([]byte, 1<<20), termsPlain) // too good to be believed
	noise := make([]byte, 4096)
	for i := range noise {
		noise[i] = byte(math.Float64bits(math.Sin(float64(i))) >> 11)
	}
	f(noise, termsPlain)
}

func FuzzParseTermsUnit(f *testing.F) {
	f.Add(appendTermsUnit(nil, []byte("plain")))
	f.Add(appendTermsUnit(nil, make([]byte, 1000)))
	f.Add([]byte{termsZstd, 0xff, 0xff, 0xff, 0xff, 7})
	f.Fuzz(func(t *testing.T, src []byte) {
		terms, err := parseTermsUnit(src)
		if err != nil {
			return
		}
		again, err := parseTermsUnit(appendTermsUnit(nil, terms))
		if err != nil || !slices.Equal(again, terms) {
			t.Fatalf("%x reads as %x, %v", terms, again, err)
		}
	})
}

func TestPresenceRemembersAFewListsPerBlock(t *testing.T) {
	var p presence
	p.reset(2)
	b := &p.blocks[1]
	list := func(i int) []byte { return append(make([]byte, minSharedBytes), byte(i)) }
	for i := range 2 * maxSharedLists {
		if _, ok := b.find(list(i)); ok {
			t.Fatalf("list %d is known", i)
		}
		b.remember(uint32(i), list(i))
	}
	for i := range 2 * maxSharedLists {
		col, ok := b.find(list(i))
		if ok != (i < maxSharedLists) || ok && col != uint32(i) {
			t.Fatalf("list %d: column %d, %v", i, col, ok)
		}
	}
	b.remember(1, []byte("short"))
	if _, ok := p.blocks[0].find(list(0)); ok {
		t.Error("a list of another block is found")
	}
	p.reset(2)
	if _, ok := b.find(list(0)); ok {
		t.Error("a list is found after reset")
	}
}
