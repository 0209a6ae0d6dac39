package jaegerbadger

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/dgraph-io/badger/v4"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

func TestImportSendsEverySpanOnce(t *testing.T) {
	src := newSource(t)
	src.spans(300, 40)
	s := src.store()
	before := treeSum(t, filepath.Dir(src.keys))
	scan, err := Scan(t.Context(), s, ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var last Progress
	f := &fake{}
	r, err := Import(t.Context(), s, ImportOptions{Progress: func(p Progress) { last = p }}, f)
	if err != nil {
		t.Fatal(err)
	}
	if r.Spans != 12_000 || r.Acknowledged() != 12_000 || r.Traces != 300 || f.count() != 12_000 {
		t.Errorf("%+v, the server has %d", r, f.count())
	}
	if r.Checksum != scan.Checksum || scan.Spans != r.Spans || scan.Bytes != r.Bytes || len(scan.Services) != 3 {
		t.Errorf("scan %+v, import %+v", scan, r)
	}
	if last.Counts.Spans != r.Spans || last.Done < 0 || last.Done > 1 {
		t.Errorf("last progress %+v", last)
	}
	if want := origin.Add(time.Millisecond); !r.FirstTime().Equal(want) || !r.LastTime().Equal(origin.Add(12*time.Second)) {
		t.Errorf("from %v to %v", r.FirstTime(), r.LastTime())
	}
	c, err := Verify(t.Context(), s, VerifyOptions{}, f)
	if err != nil || !c.OK() || c.Equal != 12_000 || c.Extra != 0 || c.Server != c.Source || c.Source != r.Checksum {
		t.Errorf("%+v, %v", c, err)
	}
	if treeSum(t, filepath.Dir(src.keys)) != before {
		t.Error("the source has changed")
	}
}

// TestImportOfOddEntries has every kind of entry that is no good span.
func TestImportOfOddEntries(t *testing.T) {
	src := newSource(t)
	good, damaged, empty, expired, gone := made(1, 1), made(1, 2), made(1, 3), made(1, 4), made(1, 5)
	keys, values := jsonEntries(t)
	invalid := made(1, 6)
	invalid.TraceId = make([]byte, 16) // which a server refuses
	src.set(
		badger.NewEntry(keyOf(good), marshal(t, good)).WithMeta(encodingProto),
		badger.NewEntry(keyOf(damaged), marshal(t, damaged)[5:]).WithMeta(encodingProto),
		badger.NewEntry(keyOf(empty), nil).WithMeta(encodingProto),
		&badger.Entry{Key: keyOf(expired), Value: marshal(t, expired), UserMeta: encodingProto, ExpiresAt: 1},
		badger.NewEntry(keyOf(gone), marshal(t, gone)).WithMeta(encodingProto),
		badger.NewEntry(keyOf(invalid), marshal(t, invalid)).WithMeta(encodingProto),
		badger.NewEntry(keys[0], values[0]).WithMeta(encodingJSON),
		badger.NewEntry([]byte{spanPrefix, 1}, []byte("x")).WithMeta(encodingProto),
		badger.NewEntry([]byte{0x08, 1}, []byte("[]")),
		badger.NewEntry([]byte{0x85, 1}, []byte("y")),
		badger.NewEntry([]byte("foreign"), []byte("z")),
	)
	if err := src.db.Update(func(txn *badger.Txn) error { return txn.Delete(keyOf(gone)) }); err != nil {
		t.Fatal(err)
	}
	s := src.store()
	r, err := Scan(t.Context(), s, ScanOptions{TTL: time.Hour, Now: origin})
	if err != nil {
		t.Fatal(err)
	}
	// The span of the JSON is of 2023.
	if r.Spans != 3 || r.Undecodable != 3 || r.TooOld != 1 || r.Invalid != 1 || len(r.Problems) != 4 {
		t.Errorf("%+v", r)
	}
	f := &fake{}
	if _, err := Import(t.Context(), s, ImportOptions{}, f); err == nil {
		t.Error("the fake takes what breaks a rule")
	}
}

func TestImportTellsRefusals(t *testing.T) {
	src := newSource(t)
	src.spans(10, 5)
	f := &fake{refuse: func(int) int { return 2 }}
	s := src.store()
	r, err := Import(t.Context(), s, ImportOptions{}, f)
	if err != nil || r.Refused != 2 || r.Acknowledged() != 48 || len(r.Problems) != 1 || r.Problems[0] != "refused: too old" {
		t.Errorf("%+v, %v", r, err)
	}
	c, err := Verify(t.Context(), s, VerifyOptions{}, f)
	if err != nil || c.OK() || c.Missing != 2 || c.Equal != 48 || len(c.Problems) != 2 || c.Server == c.Source {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestVerifyFindsDifferences(t *testing.T) {
	src := newSource(t)
	src.spans(3, 3)
	s := src.store()
	f := &fake{}
	if _, err := Import(t.Context(), s, ImportOptions{}, f); err != nil {
		t.Fatal(err)
	}
	var d digester
	d.reset()
	changed := false
	for _, spans := range f.spans {
		for sum, span := range spans {
			if !changed {
				changed = true
				span.Name += "!"
				spans[sum] = span
			}
		}
		extra := trace.Span{TraceID: traceIDOf(spans), SpanID: trace.SpanID{9, 9}, Resource: &trace.Resource{}, Scope: &trace.Scope{}}
		spans[1] = extra
	}
	c, err := Verify(t.Context(), s, VerifyOptions{Readers: 1}, f)
	if err != nil || c.OK() || c.Different != 1 || c.Equal != 8 || c.Extra != 3 || c.Missing != 0 || c.Server == c.Source {
		t.Errorf("%+v, %v", c, err)
	}
	lost := errors.New("lost")
	if _, err := Verify(t.Context(), s, VerifyOptions{}, failing{lost}); !errors.Is(err, lost) {
		t.Errorf("error %v", err)
	}
}

func traceIDOf(spans map[uint64]trace.Span) trace.ID {
	for _, s := range spans {
		return s.TraceID
	}
	return trace.ID{}
}

type failing struct{ err error }

func (f failing) Traces(context.Context, []trace.ID, func([]trace.Span) error) error { return f.err }

// TestImportGoesOn fails at every request in turn and goes on with the state file
// until all is sent.
func TestImportGoesOn(t *testing.T) {
	src := newSource(t)
	src.spans(600, 40) // some six batches
	s := src.store()
	whole, err := Scan(t.Context(), s, ScanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	lost := base.Errorf(base.ClassUnavailable, "lost")
	for _, senders := range []int{1, 3} {
		state := filepath.Join(t.TempDir(), "state")
		f := &fake{}
		o := ImportOptions{State: state, Target: "here", Senders: senders}
		var r Result
		for run := 1; ; run++ {
			until := f.calls + 1 + senders
			f.fail = func(n int) error {
				if n > until {
					return lost
				}
				return nil
			}
			if r, err = Import(t.Context(), s, o, f); err == nil {
				if run == 1 {
					t.Error("nothing failed")
				}
				break
			}
			if !errors.Is(err, lost) || run > 20 {
				t.Fatalf("run %d: %v", run, err)
			}
		}
		if r.Spans != whole.Spans || r.Checksum != whole.Checksum || r.Traces != whole.Traces || r.Resumed == 0 || f.count() != int(whole.Spans) {
			t.Errorf("%+v, the server has %d, want %+v", r, f.count(), whole)
		}
		calls := f.calls
		if r, err = Import(t.Context(), s, o, f); err != nil || r.Resumed != r.Sent || f.calls != calls || r.Checksum != whole.Checksum {
			t.Errorf("a run after the end: %+v, %v, %d calls", r, err, f.calls-calls)
		}
	}
}

func TestStateBelongsToStoreAndServer(t *testing.T) {
	src := newSource(t)
	src.spans(2, 2)
	s := src.store()
	o := ImportOptions{State: filepath.Join(t.TempDir(), "state"), Target: "here"}
	if _, err := Import(t.Context(), s, o, &fake{}); err != nil {
		t.Fatal(err)
	}
	o.Target = "there"
	if _, err := Import(t.Context(), s, o, &fake{}); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("another server: %v", err)
	}
	o.Target = "here"
	more := newSource(t)
	more.spans(3, 3)
	r, err := Import(t.Context(), more.store(), o, &fake{})
	if err != nil || !r.Restarted || r.Spans != 9 || r.Resumed != 0 {
		t.Errorf("another store: %+v, %v", r, err)
	}
	for _, path := range []string{src.keys + "/state", src.values + "/below/state"} {
		o.State = path
		if _, err := Import(t.Context(), s, o, &fake{}); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("state in the source: %v", err)
		}
	}
}

func TestStateFile(t *testing.T) {
	fs := vfs.NewMem()
	want := &state{Version: stateVersion, Fingerprint: "f", Target: "t", Key: "8001", Counts: Counts{Spans: 3, Checksum: 1<<63 + 1, Problems: []string{"p"}}}
	if err := want.save(fs, "/state"); err != nil {
		t.Fatal(err)
	}
	got, err := loadState(fs, "/state")
	if err != nil || got.Key != want.Key || got.Counts.Checksum != want.Counts.Checksum || got.Counts.Spans != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if none, err := loadState(fs, "/none"); none != nil || err != nil {
		t.Errorf("%+v, %v", none, err)
	}
	data, err := readFile(fs, "/state", maxState)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x20
		if _, err := parseState("state", bad); base.ClassOf(err) != base.ClassCorruption {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	line := []byte(`{"version":2}`)
	next := append(append(bytes.Clone(line), '\n'), stateSum(line)...)
	if _, err := parseState("state", next); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("a newer version: %v", err)
	}
}

// TestLongProblemsCanBeResumed: whatever is wrong with a directory, the state file
// is one that the next run reads.
func TestLongProblemsCanBeResumed(t *testing.T) {
	src := newSource(t)
	var entries []*badger.Entry
	for i := range 2 * maxProblems {
		key := bytes.Repeat([]byte{0xff}, 60_000)
		key[0], key[1] = spanPrefix, byte(i)
		entries = append(entries, badger.NewEntry(key, []byte("x")))
	}
	for _, e := range entries {
		src.set(e)
	}
	s := src.store()
	o := ImportOptions{Target: "t", State: filepath.Join(t.TempDir(), "state")}
	for run := range 2 {
		r, err := Import(t.Context(), s, o, &fake{})
		if err != nil || r.Undecodable != int64(len(entries)) || len(r.Problems) != maxProblems {
			t.Fatalf("run %d: %d undecodable, %d problems, %.200v", run, r.Undecodable, len(r.Problems), err)
		}
	}
	var c Counts
	c.problem(strings.Repeat("é", maxProblem))
	if text := c.Problems[0]; len(text) > maxProblem+len("…") || !utf8.ValidString(text) {
		t.Errorf("a problem of %d bytes: %q", len(text), text)
	}
}

// endless is a file without an end.
type endless struct{ vfs.File }

func (endless) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func (endless) Close() error { return nil }

type endlessFS struct{ vfs.FS }

func (endlessFS) Open(string, ...vfs.OpenOption) (vfs.File, error) { return endless{}, nil }

func TestStateFileWithoutEnd(t *testing.T) {
	if _, err := loadState(endlessFS{}, "/dev/zero"); base.ClassOf(err) != base.ClassCorruption {
		t.Errorf("%v", err)
	}
}

func FuzzParseState(f *testing.F) {
	line := []byte(`{"version":1,"key":"80ff","counts":{"spans":1,"checksum":"7"}}`)
	f.Add(append(append(bytes.Clone(line), '\n'), stateSum(line)...))
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, err := parseState("state", data); err == nil {
			if _, err := s.after(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestImportEndsWithItsContext(t *testing.T) {
	src := newSource(t)
	src.spans(100, 100)
	s := src.store()
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{fail: func(int) error { cancel(); return nil }}
	if _, err := Import(ctx, s, ImportOptions{}, f); !errors.Is(err, context.Canceled) {
		t.Errorf("import: %v", err)
	}
	if _, err := Scan(ctx, s, ScanOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("scan: %v", err)
	}
	if _, err := Verify(ctx, s, VerifyOptions{}, f); !errors.Is(err, context.Canceled) {
		t.Errorf("verify: %v", err)
	}
}

func TestRequestsKeepTheBound(t *testing.T) {
	long := strings.Repeat("x", 300<<10)
	var spans []*apiv2pb.Span
	b := &batch{}
	for n := range uint64(40) {
		s := made(1, n+1)
		s.OperationName = long
		spans = append(spans, s)
		b.entries = append(b.entries, entry{key: keyOf(s), value: marshal(t, s), meta: encodingProto})
	}
	var d decoder
	found, _, _, err := d.decode(b)
	if err != nil {
		t.Fatal(err)
	}
	sent, calls := 0, 0
	_, err = requests(nil, found, func(request []byte, n int) error {
		if len(request) > maxRequest {
			t.Errorf("a request of %d bytes", len(request))
		}
		sent += n
		calls++
		return nil
	})
	if err != nil || sent != len(spans) || calls < 3 {
		t.Errorf("%d spans in %d requests: %v", sent, calls, err)
	}
}

func TestPlace(t *testing.T) {
	p := &place{total: 30, tables: []span{{[]byte{0x80, 0}, []byte{0x80, 100}, 10}, {[]byte{0x80, 100}, []byte{0x80, 200}, 20}}}
	prev := -1.0
	for _, c := range []struct {
		key  byte
		want float64
	}{{0, 0}, {50, 5. / 30}, {100, 10. / 30}, {150, 20. / 30}, {200, 1}, {255, 1}} {
		got := p.of([]byte{0x80, c.key})
		if diff := got - c.want; diff > 0.01 || diff < -0.01 || got < prev {
			t.Errorf("key %d: %v, want %v", c.key, got, c.want)
		}
		prev = got
	}
	if got := (&place{}).of([]byte{1}); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}

func BenchmarkScan(b *testing.B) {
	src := newSource(b)
	src.spans(1000, 20)
	s := src.store()
	b.ReportAllocs()
	for b.Loop() {
		r, err := Scan(b.Context(), s, ScanOptions{})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(r.Bytes)
	}
	b.ReportMetric(20_000*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}
