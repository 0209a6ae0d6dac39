package index

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// dictOf returns a dictionary of the distinct values, ascending.
func dictOf(values ...string) *column.Dict {
	slices.Sort(values)
	d := new(column.Dict)
	for _, v := range slices.Compact(values) {
		d.Append([]byte(v))
	}
	return d
}

func mustTerms(t testing.TB, d *column.Dict) *Terms {
	t.Helper()
	enc, err := AppendTerms([]byte("prefix"), d)
	if err != nil {
		t.Fatal(err)
	}
	terms, err := OpenTerms(enc[len("prefix"):])
	if err != nil {
		t.Fatal(err)
	}
	return terms
}

// termSets are dictionaries of the shapes that columns have.
func termSets(r *rand.Rand, n int) map[string]*column.Dict {
	gen := map[string]func() string{
		"user ids": func() string { return fmt.Sprintf("user-%07d", r.IntN(9_999_999)) },
		"hex":      func() string { return fmt.Sprintf("%016x", r.Uint64()) },
		"paths": func() string {
			service := []string{"orders", "carts", "products"}[r.IntN(3)]
			return fmt.Sprintf("/api/v%d/%s/%d/items/%d", r.IntN(3), service, r.IntN(1000), r.IntN(100))
		},
		"ints": func() string {
			return string(binary.BigEndian.AppendUint64(nil, uint64(r.IntN(1<<22))|1<<63))
		},
		"short binary": func() string { return strings.Repeat("\xff", r.IntN(4)) + string([]byte{byte(r.IntN(256))}) },
		"long": func() string {
			return strings.Repeat("a", r.IntN(40)) + strings.Repeat("b", r.IntN(40)) + fmt.Sprint(r.IntN(50))
		},
	}
	sets := map[string]*column.Dict{}
	for name, f := range gen {
		values := make([]string, n)
		for i := range values {
			values[i] = f()
		}
		sets[name] = dictOf(values...)
	}
	return sets
}

func TestTermsMatchSortedSliceTwin(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{0, 1, 2, 15, 16, 17, 33, 1000} {
		for name, d := range termSets(r, n) {
			t.Run(fmt.Sprintf("%s/%d", name, n), func(t *testing.T) { checkTerms(t, r, d) })
		}
	}
}

func checkTerms(t *testing.T, r *rand.Rand, d *column.Dict) {
	terms := mustTerms(t, d)
	if terms.Len() != d.Len() {
		t.Fatalf("Len = %d, want %d", terms.Len(), d.Len())
	}
	var all column.Dict
	if err := terms.All(&all); err != nil {
		t.Fatal(err)
	}
	if all.Len() != d.Len() || !bytes.Equal(all.Data, d.Data) {
		t.Fatal("All differs from the input")
	}
	for ord := range uint32(d.Len()) {
		if got := terms.Append([]byte("x"), ord); string(got) != "x"+string(d.Value(ord)) {
			t.Fatalf("Append(%d) = %q, want %q", ord, got[1:], d.Value(ord))
		}
		if got, ok := terms.Lookup(d.Value(ord)); !ok || got != ord {
			t.Fatalf("Lookup(%q) = %d %v, want %d", d.Value(ord), got, ok, ord)
		}
	}
	for range 200 {
		checkTermBounds(t, terms, d, probe(r, d), probe(r, d))
	}
}

// probe returns a string near the terms of d, or nil.
func probe(r *rand.Rand, d *column.Dict) []byte {
	if d.Len() == 0 || r.IntN(20) == 0 {
		return [][]byte{nil, {}, {0xff}, {0xff, 0xff, 0xff, 0xff, 0xff}, []byte("user-")}[r.IntN(5)]
	}
	v := bytes.Clone(d.Value(uint32(r.IntN(d.Len()))))
	switch r.IntN(4) {
	case 0:
		return v[:r.IntN(len(v)+1)]
	case 1:
		return append(v, byte(r.IntN(256)))
	case 2:
		if len(v) > 0 {
			v[r.IntN(len(v))] += byte(r.IntN(3)) - 1
		}
	}
	return v
}

func checkTermBounds(t *testing.T, terms *Terms, d *column.Dict, lo, hi []byte) {
	n := d.Len()
	search := func(f func(v []byte) bool) uint32 {
		return uint32(sort.Search(n, func(i int) bool { return f(d.Value(uint32(i))) }))
	}
	atLeast := func(b []byte) uint32 { return search(func(v []byte) bool { return bytes.Compare(v, b) >= 0 }) }

	wantOrd := atLeast(lo)
	wantOK := int(wantOrd) < n && bytes.Equal(d.Value(wantOrd), lo)
	if ord, ok := terms.Lookup(lo); ok != wantOK || ok && ord != wantOrd {
		t.Fatalf("Lookup(%q) = %d %v, want %d %v", lo, ord, ok, wantOrd, wantOK)
	}
	wantFirst, wantEnd := uint32(0), uint32(n)
	if lo != nil {
		wantFirst = wantOrd
	}
	if hi != nil {
		wantEnd = atLeast(hi)
	}
	wantFirst = min(wantFirst, wantEnd)
	if first, end := terms.Range(lo, hi); first != wantFirst || end != wantEnd {
		t.Fatalf("Range(%q, %q) = %d %d, want %d %d", lo, hi, first, end, wantFirst, wantEnd)
	}
	var want []uint32
	for i := range uint32(n) {
		if bytes.HasPrefix(d.Value(i), lo) {
			want = append(want, i)
		}
	}
	first, end := terms.Prefix(lo)
	if int(end-first) != len(want) || len(want) > 0 && first != want[0] {
		t.Fatalf("Prefix(%q) = %d %d, want %v", lo, first, end, want)
	}
	terms.Scan(first, end, func(ord uint32, term []byte) bool {
		if !bytes.Equal(term, d.Value(ord)) {
			t.Fatalf("Scan: term %d = %q, want %q", ord, term, d.Value(ord))
		}
		first++
		return true
	})
	if first != end {
		t.Fatalf("Scan stopped at %d of %d", first, end)
	}
}

func TestScanStopsWhenAsked(t *testing.T) {
	terms := mustTerms(t, dictOf("a", "b", "c"))
	var seen []string
	terms.Scan(1, 3, func(_ uint32, term []byte) bool {
		seen = append(seen, string(term))
		return false
	})
	if len(seen) != 1 || seen[0] != "b" {
		t.Fatalf("seen %q", seen)
	}
}

func TestAppendTermsRefusesDisorder(t *testing.T) {
	for _, values := range [][]string{{"b", "a"}, {"a", "a"}} {
		var d column.Dict
		for _, v := range values {
			d.Append([]byte(v))
		}
		dst, err := AppendTerms([]byte("x"), &d)
		if base.ClassOf(err) != base.ClassBug || err == nil || string(dst) != "x" {
			t.Errorf("%q: dst %q, error %v", values, dst, err)
		}
	}
}

// openAndUseTerms opens src and calls everything: nothing may panic.
func openAndUseTerms(t *testing.T, src []byte) {
	terms, err := OpenTerms(src)
	if err != nil {
		if !base.IsCorruption(err) {
			t.Fatalf("class of %v", err)
		}
		return
	}
	n := uint32(terms.Len())
	terms.Lookup([]byte("user-0000004"))
	terms.Prefix([]byte("user-"))
	if n > 0 {
		term := terms.Append(nil, n-1)
		terms.Lookup(term)
		terms.Append(nil, n/2)
	}
	if terms.decodedBytes() < 1<<20 {
		var d column.Dict
		if err := terms.All(&d); err != nil || d.Len() != int(n) {
			t.Fatalf("All: %d terms of %d, %v", d.Len(), n, err)
		}
	}
}

func TestDamagedTermsNeverPanic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, d := range termSets(r, 100) {
		enc, err := AppendTerms(nil, d)
		if err != nil {
			t.Fatal(err)
		}
		for cut := range enc {
			if _, err := OpenTerms(enc[:cut]); !base.IsCorruption(err) {
				t.Fatalf("%s: cut at %d of %d: error %v", name, cut, len(enc), err)
			}
		}
		for range 2000 {
			bad := bytes.Clone(enc)
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
			openAndUseTerms(t, bad)
		}
	}
}

func FuzzOpenTerms(f *testing.F) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 1, 40} {
		for _, d := range termSets(r, n) {
			enc, _ := AppendTerms(nil, d)
			f.Add(enc)
		}
	}
	f.Fuzz(openAndUseTerms)
}

func FuzzTermsRoundTrip(f *testing.F) {
	f.Add([]byte("a,b,ba,bb"), []byte("b"))
	f.Add([]byte(",\x00,\xff\xff"), []byte("\xff"))
	f.Fuzz(func(t *testing.T, list, target []byte) {
		d := dictOf(strings.Split(string(list), ",")...)
		terms := mustTerms(t, d)
		var all column.Dict
		if err := terms.All(&all); err != nil || !bytes.Equal(all.Data, d.Data) {
			t.Fatalf("All: %q, want %q, error %v", all.Data, d.Data, err)
		}
		checkTermBounds(t, terms, d, target, nil)
	})
}

// newRand returns a source whose seed a failure's test name tells.
func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 2)) }
