package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// inputOf draws a column. Shapes: skew (Zipf), uniform, clustered (codes change
// slowly along the rows), sparse (a third of the rows).
func inputOf(r *rand.Rand, shape string, rows, terms int) PostingsInput {
	in := PostingsInput{Rows: rows, Terms: terms}
	if terms == 0 {
		if shape == "sparse" || rows == 0 {
			in.ValueRows = []uint32{}
		}
		if rows > 0 {
			in.ValueRows = []uint32{}
		}
		return in
	}
	zipf := rand.NewZipf(r, 1.2, 1, uint64(terms-1))
	code := uint32(0)
	for row := range uint32(rows) {
		if shape == "sparse" {
			if r.IntN(3) > 0 {
				continue
			}
			in.ValueRows = append(in.ValueRows, row)
		}
		switch shape {
		case "zipf":
			code = uint32(zipf.Uint64())
		case "clustered":
			if r.IntN(50) == 0 {
				code = uint32(r.IntN(terms))
			}
		default:
			code = uint32(r.IntN(terms))
		}
		in.Codes = append(in.Codes, code)
	}
	if shape == "sparse" && in.ValueRows == nil {
		in.ValueRows = []uint32{}
	}
	return in
}

var shapes = []string{"uniform", "zipf", "clustered", "sparse"}

// naivePostings returns the rows of every term.
func naivePostings(in PostingsInput) [][]uint32 {
	lists := make([][]uint32, in.Terms)
	for i, c := range in.Codes {
		row := uint32(i)
		if in.ValueRows != nil {
			row = in.ValueRows[i]
		}
		lists[c] = append(lists[c], row)
	}
	return lists
}

func TestPostingsMatchNaiveTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var w PostingsWriter
	for _, shape := range shapes {
		for _, rows := range []int{0, 1, 2, 63, 64, 1000, 20_000} {
			for _, terms := range []int{0, 1, 2, 31, 32, 33, 700, 5000} {
				t.Run(fmt.Sprintf("%s/%d rows/%d terms", shape, rows, terms), func(t *testing.T) {
					checkPostings(t, &w, inputOf(r, shape, rows, terms))
				})
			}
		}
	}
}

func checkPostings(t *testing.T, w *PostingsWriter, in PostingsInput) {
	enc := w.Append([]byte("prefix"), in)[len("prefix"):]
	if again := AppendPostings(nil, in); !bytes.Equal(enc, again) {
		t.Fatal("a reused writer gives other bytes")
	}
	p, err := OpenPostings(enc)
	if err != nil {
		t.Fatal(err)
	}
	if p.Universe() != in.Rows || p.Terms() != in.Terms {
		t.Fatalf("%d rows, %d terms", p.Universe(), p.Terms())
	}
	var set Set
	lists := naivePostings(in)
	for ord, want := range lists {
		ord := uint32(ord)
		if p.Count(ord) != len(want) {
			t.Fatalf("Count(%d) = %d, want %d", ord, p.Count(ord), len(want))
		}
		if p.Dense(ord) != (len(want) > in.Rows/denseShare) {
			t.Fatalf("Dense(%d) = %v with %d of %d rows", ord, p.Dense(ord), len(want), in.Rows)
		}
		if p.Dense(ord) {
			want = nil
		}
		got, err := p.AppendRows([]uint32{7}, ord)
		if err != nil || !slices.Equal(got[1:], want) {
			t.Fatalf("AppendRows(%d) = %v, want %v, error %v", ord, got[1:], want, err)
		}
		isDense, err := p.Rows(&set, ord)
		if err != nil || isDense != p.Dense(ord) || !slices.Equal(set.AppendTo(nil), want) || set.Len() != len(want) {
			t.Fatalf("Rows(%d) = %v %v, want %v", ord, set.AppendTo(nil), err, want)
		}
	}
	for ord := range lists {
		end := min(ord+40, len(lists))
		want := 0
		for _, l := range lists[ord:end] {
			want += len(l)
		}
		if got := p.CountRange(uint32(ord), uint32(end)); got != want {
			t.Fatalf("CountRange(%d, %d) = %d, want %d", ord, end, got, want)
		}
	}
	checkUnion(t, p, lists)
	if p.Count(uint32(in.Terms)) != 0 || p.Dense(uint32(in.Terms)) {
		t.Fatal("a term behind the last has rows")
	}
}

// checkUnion compares unions of random ordinals and of all with the lists.
func checkUnion(t *testing.T, p *Postings, lists [][]uint32) {
	r := rand.New(rand.NewPCG(uint64(len(lists)), 1))
	var set Set
	for _, share := range []int{1, 2, 10, 300} {
		var ords, dense, want []uint32
		for ord := range uint32(len(lists)) {
			if r.IntN(share) > 0 {
				continue
			}
			ords = append(ords, ord)
			if p.Dense(ord) {
				dense = append(dense, ord)
				continue
			}
			want = append(want, lists[ord]...)
		}
		slices.Sort(want)
		gotDense, err := p.Union(&set, ords, nil)
		if err != nil || !slices.Equal(gotDense, dense) {
			t.Fatalf("Union: dense %v, want %v, error %v", gotDense, dense, err)
		}
		if got := set.AppendTo(nil); !slices.Equal(got, want) || set.Len() != len(want) {
			t.Fatalf("Union of %d terms has %d rows, want %d", len(ords), len(got), len(want))
		}
	}
}

// openAndUsePostings opens src and reads it all: nothing may panic, rows must
// stay ascending and below the universe.
func openAndUsePostings(t *testing.T, src []byte) {
	p, err := OpenPostings(src)
	if err != nil {
		if !base.IsCorruption(err) {
			t.Fatalf("class of %v", err)
		}
		return
	}
	p.CountRange(0, uint32(min(p.Terms(), 200)))
	if p.rows < 1<<16 {
		var set Set
		ords := make([]uint32, min(p.Terms(), 200))
		for i := range ords {
			ords[i] = uint32(i)
		}
		if _, err := p.Union(&set, ords, nil); err != nil && !base.IsCorruption(err) {
			t.Fatalf("class of %v", err)
		}
	}
	var rows []uint32
	for ord := range uint32(min(p.Terms(), 200)) {
		if p.Count(ord) > 1<<16 {
			continue
		}
		rows, err = p.AppendRows(rows[:0], ord)
		if err != nil {
			if !base.IsCorruption(err) || len(rows) > 0 {
				t.Fatalf("%d rows with error %v", len(rows), err)
			}
			continue
		}
		for i, r := range rows {
			if int(r) >= p.Universe() || i > 0 && rows[i-1] >= r {
				t.Fatalf("term %d: rows %v in a universe of %d", ord, rows, p.Universe())
			}
		}
	}
}

func TestDamagedPostingsNeverPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, shape := range shapes {
		enc := AppendPostings(nil, inputOf(r, shape, 3000, 60))
		for cut := range enc {
			if _, err := OpenPostings(enc[:cut]); !base.IsCorruption(err) {
				t.Fatalf("%s: cut at %d of %d: error %v", shape, cut, len(enc), err)
			}
		}
		for range 2000 {
			bad := bytes.Clone(enc)
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			openAndUsePostings(t, bad)
		}
	}
}

func FuzzOpenPostings(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, shape := range shapes {
		f.Add(AppendPostings(nil, inputOf(r, shape, 2000, 40)))
		f.Add(AppendPostings(nil, inputOf(r, shape, 3, 2)))
	}
	f.Fuzz(openAndUsePostings)
}

func FuzzPostingsRoundTrip(f *testing.F) {
	f.Add([]byte{0, 1, 2, 0, 1, 0}, uint16(3), uint16(40))
	f.Add(bytes.Repeat([]byte{1, 0, 0, 9}, 100), uint16(200), uint16(1))
	f.Fuzz(func(t *testing.T, steps []byte, terms, stride uint16) {
		in := PostingsInput{Terms: int(terms%300) + 1, ValueRows: []uint32{}}
		row := uint32(0)
		for i, s := range steps {
			if row > 1<<30 {
				break // rows stay below 2^32
			}
			row += uint32(s) * uint32(stride)
			in.ValueRows = append(in.ValueRows, row)
			in.Codes = append(in.Codes, (uint32(s)+uint32(i)%3)%uint32(in.Terms))
			row++
		}
		in.Rows = int(row)
		var w PostingsWriter
		checkPostings(t, &w, in)
	})
}

// A list is read whatever share of the rows has the term: where lists end is
// for writers to choose, and to choose anew.
func TestListsLongerThanTheShareAreRead(t *testing.T) {
	const rows, fewer, every = 10_000, 8_000, 14
	in := PostingsInput{Rows: rows, Terms: 1}
	for r := uint32(0); r < fewer; r += every {
		in.ValueRows, in.Codes = append(in.ValueRows, r), append(in.Codes, 0)
	}
	src := AppendPostings(nil, in)
	if dense(uint32(len(in.Codes)), rows) || bytes.Count(src[:3], binary.AppendUvarint(nil, rows)) != 1 {
		t.Fatal("no list to begin with")
	}
	copy(src[1:], binary.AppendUvarint(nil, fewer)) // as if written with a smaller share
	if !dense(uint32(len(in.Codes)), fewer) {
		t.Fatalf("%d of %d rows are not dense", len(in.Codes), fewer)
	}
	p, err := OpenPostings(src)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.AppendRows(nil, 0); err != nil || !slices.Equal(got, in.ValueRows) {
		t.Errorf("%d rows, want %d: %v", len(got), len(in.ValueRows), err)
	}
}
