package columnar

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/merge"
	"github.com/pandodb/pando/internal/mergepolicy"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/part"
)

// openSpans opens a tablet of spans with a layout of its own.
func openSpans(t *testing.T, fs vfs.FS, l *column.Layout) *Tablet {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	tablet, err := Open(Options{
		FS: fs, Dir: "tablet", ID: 1, Layout: l, Jobs: pool, Cache: part.NewCache(8 << 20), SegmentInterval: 24 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tablet.Close(); err != nil {
			t.Error(err)
		}
		pool.Close()
	})
	return tablet
}

// digestSpans is a batch of spans of few traces; some repeat, whole or with other
// attributes only.
func digestSpans(t *testing.T, r *rand.Rand, n int) *column.Batch {
	t.Helper()
	spans := make([]trace.Span, n)
	for i := range spans {
		id := byte(r.IntN(60))
		own := rand.New(rand.NewPCG(uint64(id), 1)) // a span's fields follow from its id
		start := uint64(testEpoch) + own.Uint64N(uint64(time.Hour))
		spans[i] = trace.Span{
			TraceID: trace.ID{1 + id%9}, SpanID: trace.SpanID{1 + id}, ParentID: trace.SpanID{byte(own.IntN(70))},
			Name: fmt.Sprint(own.IntN(4)), Kind: trace.Kind(own.IntN(6)), StartNanos: start, EndNanos: start + own.Uint64N(1e9),
			Attrs: []trace.Attr{{Key: "n", Value: trace.Value{Kind: trace.KindInt, Int: int64(r.IntN(3))}}}, Scope: &trace.Scope{},
			Resource: &trace.Resource{Attrs: []trace.Attr{{Key: "service.name", Value: trace.Value{Kind: trace.KindString, Str: fmt.Sprint("s", own.IntN(4))}}}},
		}
	}
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, base.AllTime)
	if err := b.Add(trace.AppendOTLP(nil, spans)); err != nil {
		t.Fatal(err)
	}
	return b.Finish()
}

// checkDigests compares what every part keeps, or is remembered of it, with what
// its rows give. Wanted are the parts that must have a digest there.
func checkDigests(t *testing.T, tablet *Tablet, what string, stored, remembered func(level int) bool) {
	t.Helper()
	v, err := tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	levels := make(map[base.PartID]int)
	for _, g := range v.version.snap.Segments {
		for _, p := range g.Parts {
			levels[p.ID] = p.Level
		}
	}
	for _, p := range v.parts {
		id := p.Meta().ID
		folded, err := foldPart(t.Context(), v.layout.Digest, p)
		if err != nil {
			t.Fatal(err)
		}
		check := func(how string, got sizedDigest, ok, want bool) {
			t.Helper()
			if ok != want {
				t.Fatalf("%s: part %v of level %d, %s: a digest: %v, want %v", what, id, levels[id], how, ok, want)
			}
			if ok && !reflect.DeepEqual(got.value, folded.value) {
				t.Fatalf("%s: part %v\n%s %+v\nrows %+v", what, id, how, got.value, folded.value)
			}
		}
		got, ok, err := storedDigest(v.layout.Digest, p)
		if err != nil {
			t.Fatal(err)
		}
		check("stored", got, ok, stored(levels[id]))
		if got, ok = tablet.digests.get(id); !ok && !tablet.live(id) {
			continue // a merge in the background replaced it after the view was taken
		}
		check("remembered", got, ok, remembered(levels[id]))
	}
}

// live reports whether the part belongs to the tablet's current version.
func (t *Tablet) live(id base.PartID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.cur.parts[id] != nil
}

// digestsOf returns all digests of a view.
func digestsOf(t *testing.T, v *View) (out []*Digest, err error) {
	t.Helper()
	err = v.Digests(t.Context(), base.AllTime, func(d *Digest) error {
		out = append(out, d)
		return nil
	})
	return out, err
}

func always(int) bool      { return true }
func never(int) bool       { return false }
func final(level int) bool { return level == mergepolicy.MaxLevel }

// TestDigestCache: it keeps to its budget and what was asked for last.
func TestDigestCache(t *testing.T) {
	c := digestCache{budget: 100}
	for id := range base.PartID(10) {
		c.put(id+1, sizedDigest{value: id + 1, bytes: 30})
		if _, ok := c.get(1); !ok {
			t.Errorf("after part %v the first is gone", id+1)
		}
		if c.bytes > c.budget || c.bytes != 30*len(c.parts) {
			t.Errorf("%d bytes of %d parts", c.bytes, len(c.parts))
		}
	}
	c.put(1, sizedDigest{bytes: 500}) // larger than the budget: alone
	if len(c.parts) != 1 || c.bytes != 500 {
		t.Errorf("%d bytes of %d parts", c.bytes, len(c.parts))
	}
	for id := range base.PartID(10) { // folded ones outlive the others, and may take more
		c.put(100+id, sizedDigest{bytes: 30, folded: true})
		c.put(id+1, sizedDigest{bytes: 30})
	}
	if _, ok := c.get(109); !ok || c.bytes > 2*c.budget+30 || len(c.parts) < 6 {
		t.Errorf("%d bytes of %d parts", c.bytes, len(c.parts))
	}
	c.drop([]base.PartID{109, 7777})
	if _, ok := c.get(109); ok {
		t.Error("a dropped part is known")
	}
	sum := 0
	for _, d := range c.parts {
		sum += d.bytes
	}
	if sum != c.bytes {
		t.Errorf("%d bytes, counted %d", sum, c.bytes)
	}
}

// TestDigestIsThatOfThePartsRows: whatever parts share, traces and repeated spans,
// however often they were merged before, and whether or not somebody asks.
func TestDigestIsThatOfThePartsRows(t *testing.T) {
	for seed := range uint64(10) {
		r := rand.New(rand.NewPCG(seed, 5))
		tablet := openSpans(t, vfs.NewMem(), trace.Layout())
		remembered := never
		if seed%2 == 1 {
			remembered = always
			tablet.digests.ask(tablet.o.Clock())
		}
		index := uint64(0)
		for round := range 3 {
			for range 1 + r.IntN(12) { // enough for parts of level 1
				for range 1 + r.IntN(3) {
					index++
					tablet.Apply(base.Position{Term: 1, Index: index}, digestSpans(t, r, 1+r.IntN(60)))
				}
				if err := tablet.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			checkDigests(t, tablet, fmt.Sprintf("seed %d round %d, flushed", seed, round), final, remembered)
			if err := tablet.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
			checkDigests(t, tablet, fmt.Sprintf("seed %d round %d, merged", seed, round), final, remembered)
		}
	}
}

// laterFolder folds digests of a version that is not known.
type laterFolder struct{ column.DigestFolder }

func (f laterFolder) Append(dst []byte) []byte {
	at := len(dst)
	dst = f.DigestFolder.Append(dst)
	dst[at] = 99
	return dst
}

// TestDigestOfAnotherVersion: it is no damage. The rows answer.
func TestDigestOfAnotherVersion(t *testing.T) {
	fs, r := vfs.NewMem(), rand.New(rand.NewPCG(1, 6))
	t.Run("write", func(t *testing.T) {
		l := trace.Layout()
		digest := *l.Digest
		digest.New = func() column.DigestFolder { return laterFolder{l.Digest.New()} }
		later := *l
		later.Digest = &digest
		tablet := openSpans(t, fs, &later)
		for index := range uint64(3) {
			tablet.Apply(base.Position{Term: 1, Index: index + 1}, digestSpans(t, r, 50))
			if err := tablet.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := tablet.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	tablet := openSpans(t, fs, trace.Layout())
	checkDigests(t, tablet, "as written", never, never)
	v, err := tablet.View()
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if got, err := digestsOf(t, v); err != nil || len(got) != 1 {
		t.Fatalf("%d digests, %v, want that of the part", len(got), err)
	}
	checkDigests(t, tablet, "asked", never, always)
}

// TestDigestOfManyValues: a merge of parts with more distinct values than it would
// keep in memory stores no digest; the rows still answer.
func TestDigestOfManyValues(t *testing.T) {
	tee := &digestTee{digest: trace.Layout().Digest, store: true, keep: true, terms: maxTeeTerms}
	var got recordingSink
	sink := tee.Sink(trace.ColName, &got)
	d := column.Dict{}
	codes := []uint32{d.Append([]byte("a")), d.Append([]byte("b"))}
	if err := sink.AppendValues(nil, &d, codes); err != nil || got.values != 2 {
		t.Fatalf("%d values went on, %v", got.values, err)
	}
	if tee.Sink(trace.ColKind, &got) != merge.Sink(&got) {
		t.Error("more columns are kept")
	}
	if err := tee.finish(nil); err != nil || tee.made.value != nil {
		t.Errorf("a digest was made, %v", err)
	}
}

// recordingSink counts values.
type recordingSink struct {
	merge.Sink
	values int
}

func (s *recordingSink) AppendValues(_ []uint32, _ *column.Dict, codes []uint32) error {
	s.values += len(codes)
	return nil
}

// TestPartsWithoutDigest: parts that were written before there were digests answer
// the same, and merge into parts that have one.
func TestPartsWithoutDigest(t *testing.T) {
	fs := vfs.NewMem()
	old := *trace.Layout()
	old.Digest = nil
	r := rand.New(rand.NewPCG(1, 5))
	before := openSpans(t, fs, &old)
	for i := range uint64(3) {
		before.Apply(base.Position{Term: 1, Index: i + 1}, digestSpans(t, r, 40))
		if err := before.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	v, err := before.View()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := digestsOf(t, v); err == nil {
		t.Error("a layout without a digest answered")
	}
	v.Close()
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}

	after := openSpans(t, fs, trace.Layout())
	v, err = after.View()
	if err != nil {
		t.Fatal(err)
	}
	digests, err := digestsOf(t, v)
	v.Close()
	if err != nil || len(digests) == 0 || len(digests[0].Value.(*trace.Digest).Operations) == 0 {
		t.Fatalf("%d digests, %v", len(digests), err)
	}
	if err := after.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkDigests(t, after, "merged", always, always)
}

// TestDigestsWhileWriting: answers are whole while memtables grow, are flushed and
// merged.
func TestDigestsWhileWriting(t *testing.T) {
	tablet := openSpans(t, vfs.NewMem(), trace.Layout())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r := rand.New(rand.NewPCG(3, 5))
		for i := range uint64(60) {
			tablet.Apply(base.Position{Term: 1, Index: i + 1}, digestSpans(t, r, 30))
			switch i % 20 {
			case 9:
				if err := tablet.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			case 19:
				if err := tablet.Compact(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
	}()
	last := uint64(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		v, err := tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		digests, err := digestsOf(t, v)
		v.Close()
		if err != nil {
			t.Fatal(err)
		}
		distinct := make(map[string]bool) // operations never go
		for _, d := range digests {
			for _, o := range d.Value.(*trace.Digest).Operations {
				distinct[o.Service+o.Name+o.Kind.String()] = true
			}
		}
		if n := uint64(len(distinct)); n < last {
			t.Fatalf("%d operations after %d", n, last)
		} else {
			last = n
		}
	}
	if last == 0 {
		t.Error("no operation seen")
	}
}

// TestDamagedDigest: the part is set aside, the error told, and the next answer is
// without it.
func TestDamagedDigest(t *testing.T) {
	fs := vfs.NewMem()
	layout := *trace.Layout()
	digest := *layout.Digest
	layout.Digest = &digest
	tablet := openSpans(t, fs, &layout)
	tablet.Apply(base.Position{Term: 1, Index: 1}, digestSpans(t, rand.New(rand.NewPCG(2, 5)), 40))
	if err := tablet.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	digest.Decode = func([]byte) (any, error) { return nil, base.Errorf(base.ClassCorruption, "bad digest") }
	for _, want := range []bool{true, false} {
		v, err := tablet.View()
		if err != nil {
			t.Fatal(err)
		}
		_, err = digestsOf(t, v)
		v.Close()
		if base.IsCorruption(err) != want {
			t.Fatalf("%v, want a corruption error: %v", err, want)
		}
	}
	if n := tablet.Stats().Quarantined; n != 1 {
		t.Errorf("%d parts set aside", n)
	}
}
