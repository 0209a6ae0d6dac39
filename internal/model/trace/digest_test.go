package trace

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
)

// digestLine renders one counter.
func digestLine(kind, a, b string, k Kind, minute int32, bucket Bucket) string {
	return fmt.Sprintf("%s %q %q %v m%d b%d", kind, a, b, k, minute, bucket)
}

// render lists the counters of a digest.
func (d *Digest) render() map[string]int {
	out := make(map[string]int)
	sum := func(cells []Cell) string {
		var l Latency
		errors := uint32(0)
		for i := range cells {
			l.AddCell(&cells[i])
			errors += cells[i].Errors
		}
		return fmt.Sprint(l, errors)
	}
	for i := range d.Operations { // all minutes at once are the sum of each
		m := &d.Operations[i].Minutes
		if whole := m.Between(math.MinInt32, math.MaxInt32); sum(whole) != sum(m.Cells) || len(whole) > 1 {
			out["the total is wrong"] = 1
		}
	}
	add := func(kind, a, b string, k Kind, cells []Cell) {
		for _, c := range cells {
			for _, l := range c.Latency {
				out[digestLine(kind, a, b, k, c.Minute, l.Bucket)] += int(l.Count)
			}
			if c.Errors > 0 {
				out[digestLine(kind+" errors", a, b, k, c.Minute, 0)] += int(c.Errors)
			}
		}
	}
	for _, x := range d.Operations {
		add("op", x.Service, x.Name, x.Kind, x.Cells)
	}
	for _, x := range d.Edges {
		add("edge", x.Parent, x.Child, x.Kind, x.Cells)
	}
	for _, o := range d.Open {
		out[fmt.Sprintf("%s %x %v", digestLine("open", d.Texts[o.Service], d.traces[o.trace].trace.String(), o.Kind, o.Minute, o.Bucket), o.Parent, o.Failed)]++
	}
	return out
}

// twinDigest counts what distinct spans say, the slow way.
func twinDigest(spans []Span) map[string]int {
	out := make(map[string]int)
	count := func(kind, a, b string, s *Span) {
		minute := int32(math.Floor(float64(int64(s.StartNanos)) / float64(time.Minute)))
		out[digestLine(kind, a, b, s.Kind, minute, BucketOf(s.DurationNanos()))]++
		if s.StatusCode == StatusError {
			out[digestLine(kind+" errors", a, b, s.Kind, minute, 0)]++
		}
	}
	for i := range spans {
		s := &spans[i]
		count("op", s.Resource.Service(), s.Name, s)
		if client := twinClient(spans, s); client != nil {
			count("edge", client.Resource.Service(), s.Resource.Service(), s)
			continue
		}
		if s.ParentID.IsZero() {
			continue
		}
		parents, own := []*Span{}, false
		for j := range spans {
			if p := &spans[j]; p.TraceID == s.TraceID && p.SpanID == s.ParentID {
				parents = append(parents, p)
				own = own || p.Resource.Service() == s.Resource.Service()
			}
		}
		switch {
		case len(parents) == 0:
			minute := MinuteOf(int64(s.StartNanos))
			out[fmt.Sprintf("%s %x %v", digestLine("open", s.Resource.Service(), s.TraceID.String(), s.Kind, minute, BucketOf(s.DurationNanos())),
				s.ParentID.RowID(), s.StatusCode == StatusError)]++
		case !own:
			count("edge", parents[0].Resource.Service(), s.Resource.Service(), s)
		}
	}
	return out
}

// digestForest is spans of few traces whose parents are any spans, absent ones
// too; some come twice.
func digestForest(r *rand.Rand, n int) []Span {
	var spans []Span
	for range r.IntN(n) {
		service := fmt.Sprintf("s%d", r.IntN(4))
		s := Span{
			TraceID: ID{15: byte(1 + r.IntN(4))}, SpanID: SpanID{7: byte(1 + len(spans)), 6: byte((1 + len(spans)) >> 8)},
			ParentID: SpanID{7: byte(r.IntN(len(spans) + 5)), 6: byte(r.IntN(len(spans)+5) >> 8)}, StartNanos: r.Uint64N(uint64(5 * time.Minute)), Name: fmt.Sprint(r.IntN(3)),
			StatusCode: int32(r.IntN(3)), Kind: Kind(r.IntN(6)), Scope: &Scope{},
			Resource: &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: service}}}},
		}
		s.EndNanos = s.StartNanos + r.Uint64N(500_000)
		if r.IntN(10) == 0 {
			s.EndNanos = s.StartNanos / 2
		}
		spans = append(spans, s)
		if r.IntN(5) == 0 {
			spans = append(spans, s)
		}
	}
	r.Shuffle(len(spans), func(i, j int) { spans[i], spans[j] = spans[j], spans[i] })
	return spans
}

// sortedBatch returns the spans as sorted rows, each once.
func sortedBatch(t *testing.T, spans []Span) *column.Batch {
	t.Helper()
	b := build(t, NewBuilder(Options{}), AppendOTLP(nil, spans))
	return memtable.Sort([]*memtable.Run{{Batch: b, Time: b.TimeRange()}}, base.AllTime, column.DropExact).Batch()
}

// addInPieces folds the rows in, a few at a time.
func addInPieces(t *testing.T, r *rand.Rand, f column.DigestFolder, b *column.Batch) {
	t.Helper()
	for lo := 0; lo < b.Rows; {
		hi := min(lo+1+r.IntN(20), b.Rows)
		var rows []uint32
		for ; lo < hi; lo++ {
			rows = append(rows, uint32(lo))
		}
		if err := f.Add(b.Extract(rows)); err != nil {
			t.Fatal(err)
		}
	}
}

func decoded(t *testing.T, f column.DigestFolder) *Digest {
	t.Helper()
	d, err := DecodeDigest(f.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func distinctSpans(b *column.Batch) []Span { return must(ReadSpans(b)) }

func sameCounts(t *testing.T, what string, got, want map[string]int) {
	t.Helper()
	for k, n := range want {
		if got[k] != n {
			t.Errorf("%s: %s: %d, want %d", what, k, got[k], n)
		}
	}
	for k, n := range got {
		if want[k] == 0 {
			t.Errorf("%s: %s: %d, want none", what, k, n)
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}

func TestDigestAgreesWithTwin(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 3))
		b := sortedBatch(t, digestForest(r, 20+int(seed)))
		f := newDigestFolder()
		addInPieces(t, r, f, b)
		sameCounts(t, fmt.Sprint("seed ", seed), decoded(t, f).render(), twinDigest(distinctSpans(b)))
	}
}

// twinClient returns the client of another service that shares the id of a
// server's span, or nil.
func twinClient(spans []Span, s *Span) *Span {
	for j := range spans {
		p := &spans[j]
		if s.Kind == KindServer && p.Kind == KindClient && p.TraceID == s.TraceID && p.SpanID == s.SpanID &&
			p.Resource.Service() != s.Resource.Service() {
			return p
		}
	}
	return nil
}

// TestSharedIDs: where a server's span has the id of its client's, as Zipkin's
// clients make them, the client's service called it, parent or not.
func TestSharedIDs(t *testing.T) {
	span := func(id, parent byte, service string, kind Kind, start uint64) Span {
		return Span{
			TraceID: ID{1}, SpanID: SpanID{id}, ParentID: SpanID{parent}, Kind: kind, StartNanos: start, EndNanos: start + 10, Scope: &Scope{},
			Resource: &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: service}}}},
		}
	}
	spans := []Span{
		span(1, 0, "front", KindClient, 1), span(1, 0, "back", KindServer, 2),
		span(2, 1, "back", KindClient, 3), span(2, 1, "db", KindServer, 4), span(3, 2, "db", KindInternal, 5),
	}
	for _, filler := range []int{0, 40} { // few rows are scanned, many looked up
		all := slices.Clone(spans)
		for i := range filler {
			all = append(all, span(byte(100+i), 0, "front", KindInternal, 9))
		}
		f := newDigestFolder()
		if err := f.Add(sortedBatch(t, all)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range decoded(t, f).Edges {
			got = append(got, fmt.Sprintf("%s>%s %d", e.Parent, e.Child, e.Cells[0].Latency[0].Count))
		}
		if s := strings.Join(got, " "); s != "back>db 1 front>back 1" {
			t.Errorf("with %d others: %s", filler, s)
		}
	}
}

// TestNamesakes: of several spans with the parent's id, one of the child's own
// service counts, as where client and server share an id.
func TestNamesakes(t *testing.T) {
	span := func(id, parent byte, service string, start uint64) Span {
		return Span{
			TraceID: ID{1}, SpanID: SpanID{id}, ParentID: SpanID{parent}, StartNanos: start, EndNanos: start + 10, Scope: &Scope{},
			Resource: &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: service}}}},
		}
	}
	spans := []Span{span(1, 0, "a", 1), span(2, 1, "a", 2), span(2, 1, "b", 3), span(3, 2, "b", 4), span(4, 2, "c", 5)}
	for _, filler := range []int{0, 40} { // few rows are scanned, many looked up
		all := slices.Clone(spans)
		for i := range filler {
			all = append(all, span(byte(100+i), 1, "a", 9))
		}
		f := newDigestFolder()
		if err := f.Add(sortedBatch(t, all)); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range decoded(t, f).Edges {
			got = append(got, fmt.Sprintf("%s>%s %d", e.Parent, e.Child, e.Cells[0].Latency[0].Count))
		}
		if s := strings.Join(got, " "); s != "a>b 1 a>c 1" {
			t.Errorf("with %d others: %s", filler, s)
		}
	}
}

// TestDigestIsBounded: names and open calls without end are folded and dropped,
// and the digest says so.
func TestDigestIsBounded(t *testing.T) {
	const rows = maxDigestOps + 500
	b := &column.Batch{Rows: rows}
	name := column.Vector{ID: ColName}
	parent := column.Vector{ID: ColParent}
	for i := range 2 * maxOpenCalls {
		if i >= rows {
			break
		}
		key := AppendKey(nil, 1, ID{1})
		if i == 0 {
			b.Keys.Append(key)
		}
		b.KeyCodes, b.Times, b.IDs = append(b.KeyCodes, 0), append(b.Times, int64(i)*1e9), append(b.IDs, uint64(i+1))
		name.Codes = append(name.Codes, name.Dict.Append(fmt.Appendf(nil, "op %d", i)))
		parent.Ints = append(parent.Ints, 1<<40)
	}
	b.Cols = []column.Vector{name, parent}
	slices.SortFunc(b.Cols, func(a, c column.Vector) int { return a.ID.Compare(c.ID) })
	f := newDigestFolder()
	for range 3 {
		if err := f.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	d := decoded(t, f)
	if !d.Folded || len(d.Operations) != maxDigestOps+1 || d.Operations[0].Name != "" {
		t.Errorf("folded %v, %d operations, first %q", d.Folded, len(d.Operations), d.Operations[0].Name)
	}
	if len(d.Open) != maxOpenCalls || d.Dropped != 3*rows-maxOpenCalls {
		t.Errorf("%d open calls, %d dropped", len(d.Open), d.Dropped)
	}
}

func TestBuckets(t *testing.T) {
	last := Bucket(0)
	for _, n := range []uint64{0, 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 1000, 1 << 20, 1<<40 + 12345, math.MaxInt64, math.MaxUint64} {
		b := BucketOf(n)
		if b < last || b >= NumBuckets {
			t.Errorf("bucket %d of %d after %d", b, n, last)
		}
		if off := math.Abs(b.Nanos() - float64(n)); off > float64(n)/31 {
			t.Errorf("%d ns reads as %g", n, b.Nanos())
		}
		last = b
	}
	for b := range Bucket(NumBuckets) {
		if got := BucketOf(uint64(b.Nanos())); b < 900 && got != b {
			t.Errorf("middle of bucket %d lies in bucket %d", b, got)
		}
	}
	var l Latency
	for n := range uint64(1000) {
		l.Add(BucketOf(1e6*(n+1)), 1)
	}
	for _, q := range []float64{0.5, 0.95, 0.99, 1} {
		if got, want := l.Quantile(q), q*1e9; math.Abs(got-want) > want/20 {
			t.Errorf("quantile %g is %g, want %g", q, got, want)
		}
	}
	l.Reset()
	if l.Calls() != 0 || l.Quantile(0.5) != 0 {
		t.Error("reset left something")
	}
}

func TestMinutes(t *testing.T) {
	for nanos, want := range map[int64]int32{0: 0, 1: 0, 6e10 - 1: 0, 6e10: 1, -1: -1, -6e10: -1, -6e10 - 1: -2, math.MinInt64: -153722868, math.MaxInt64: 153722867} {
		if got := MinuteOf(nanos); got != want {
			t.Errorf("minute of %d is %d, want %d", nanos, got, want)
		}
	}
}

// goldenDigest is the digest of TestDigestGolden.
const goldenDigest = "01000003" + // version, not folded, nothing dropped, three texts
	"02" + "2f70" + // "/p"
	"02" + "6462" + // "db"
	"03" + "776562" + // "web"
	"e0cdaa03" + // first minute
	"02" + // operations
	"01" + "00" + "02" + // db, /p, server
	"01" + "01" + "00" + "f605" + // one minute, failed: one error; one call in bucket 66
	"02" + "00" + "00" + // web, /p, unspecified
	"02" + "00" + "ae05" + "04" + "46" + // two minutes: a call in bucket 84; a minute later one in 66
	"01" + // edges
	"02" + "01" + "02" + // web, db, server
	"01" + "01" + "00" + "f605" +
	"01" + // traces with open calls
	"07" + "01000000000000000000000000000000" + // resource, trace id
	"01" + "0900000000000000" + "02" + "00" + "01" + "8401" // one: parent, web, unspecified, minute 1, bucket 66

func TestDigestGolden(t *testing.T) {
	service := func(s string) *Resource {
		return &Resource{Attrs: []Attr{{Key: "service.name", Value: Value{Kind: KindString, Str: s}}}}
	}
	start := uint64(3_494_768 * time.Minute)
	spans := []Span{
		{TraceID: ID{1}, SpanID: SpanID{1}, Name: "/p", StartNanos: start, EndNanos: start + 330, Resource: service("web"), Scope: &Scope{}},
		{TraceID: ID{1}, SpanID: SpanID{2}, ParentID: SpanID{1}, Name: "/p", Kind: KindServer, StatusCode: StatusError, StartNanos: start + 5, EndNanos: start + 150, Resource: service("db"), Scope: &Scope{}},
		{TraceID: ID{1}, SpanID: SpanID{3}, ParentID: SpanID{9}, Name: "/p", StartNanos: start + 6e10, EndNanos: start + 6e10 + 150, Resource: service("web"), Scope: &Scope{}},
	}
	f := newDigestFolder()
	if err := f.Add(sortedBatch(t, spans)); err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(f.Append(nil)); got != goldenDigest {
		t.Errorf("got\n%s\nwant\n%s", got, goldenDigest)
	}
}

func FuzzDigest(f *testing.F) {
	golden := must(hex.DecodeString(goldenDigest))
	f.Add(golden)
	f.Add(newDigestFolder().Append(nil))
	f.Add(append(bytes.Clone(golden), 0))
	f.Add([]byte("\x01\x00\x00\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, src []byte) {
		d, err := DecodeDigest(src)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatalf("%v is no corruption error", err)
			}
			return
		}
		if refs := d.refs(); len(refs) != len(d.Open) {
			t.Fatalf("%d refs of %d open calls", len(refs), len(d.Open))
		}
		minutes := func(what string, m *Minutes) {
			for i := range m.Cells {
				if at := m.Cells[i].Minute; i > 0 && m.Cells[i-1].Minute >= at || at < math.MaxInt32 && len(m.Between(at, at+1)) != 1 {
					t.Fatalf("%s: minute %d of %d is not in order", what, i, len(m.Cells))
				}
			}
		}
		for i := range d.Operations {
			minutes(d.Operations[i].Name, &d.Operations[i].Minutes)
		}
		for i := range d.Edges {
			minutes(d.Edges[i].Child, &d.Edges[i].Minutes)
		}
	})
}
