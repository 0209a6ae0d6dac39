package corpus

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pandodb/pando/internal/base"
)

const minute = int64(time.Minute)

// goldenShop is the hash of one minute of the default shop.
const goldenShop = 0x573283abdbc54556

func TestShopGolden(t *testing.T) {
	h := fnv.New64a()
	for _, req := range NewShop(ShopConfig{}).Slice(DefaultBase, DefaultBase+minute) {
		h.Write(req.Body)
	}
	if h.Sum64() != goldenShop {
		t.Errorf("a minute hashes to %#x, want %#x", h.Sum64(), uint64(goldenShop))
	}
}

// shopTraces collects traces by id.
func shopTraces(s *Shop, r base.TimeRange) map[TraceID][]Span {
	out := make(map[TraceID][]Span)
	for spans := range s.Traces(r) {
		out[spans[0].TraceID] = spans
	}
	return out
}

func TestShopSlicesAgree(t *testing.T) {
	s := NewShop(ShopConfig{PerMinute: 120})
	start := DefaultBase - 90_000_000_000
	whole := shopTraces(s, base.TimeRange{Start: start, End: start + 4*minute})
	pieces := make(map[TraceID][]Span)
	for at, step := start, int64(1); at < start+4*minute; step = step*7%10_000_019 + 1 {
		end := min(at+step*1_000, start+4*minute)
		maps.Copy(pieces, shopTraces(s, base.TimeRange{Start: at, End: end}))
		at = end
	}
	if !reflect.DeepEqual(whole, pieces) {
		t.Errorf("(-whole +pieces):\n%.2000s", cmp.Diff(whole, pieces))
	}
	for id, spans := range shopTraces(NewShop(ShopConfig{PerMinute: 30}), base.TimeRange{Start: start, End: start + 4*minute}) {
		if !reflect.DeepEqual(whole[id], spans) {
			t.Fatalf("a thin shop's trace is not the dense one's:\n%.2000s", cmp.Diff(whole[id], spans))
		}
	}
}

func TestShopSliceCarriesTheTraces(t *testing.T) {
	s := NewShop(ShopConfig{})
	r := base.TimeRange{Start: DefaultBase, End: DefaultBase + minute}
	got := make(map[TraceID]map[SpanID]Span)
	collect(t, got, func(yield func([]byte, int) bool) {
		for _, req := range s.Slice(r.Start, r.End) {
			if !yield(req.Body, req.Spans) {
				return
			}
		}
	})
	want := shopTraces(s, r)
	if len(got) != len(want) || len(want) < 150 {
		t.Fatalf("%d traces arrived of %d", len(got), len(want))
	}
	for id, spans := range want {
		for _, w := range spans {
			if g := got[id][w.SpanID]; !reflect.DeepEqual(w, g) {
				t.Fatalf("span %s (-want +got):\n%s", w.Name, cmp.Diff(w, g))
			}
		}
	}
}

func TestShopShape(t *testing.T) {
	start := DefaultBase + 12*60*minute
	s := NewShop(ShopConfig{Incident: base.TimeRange{Start: start, End: start + 2*minute}})
	services := make(map[string]bool)
	for spans := range s.Traces(base.TimeRange{Start: start, End: start + 4*minute}) {
		at := make(map[SpanID]*Span)
		for k := range spans {
			sp := &spans[k]
			services[sp.Resource.Service] = true
			p := at[sp.Parent]
			if (p == nil) != (k == 0) || sp.End <= sp.Start || p != nil && sp.Start < p.Start {
				t.Fatalf("span %d, %s: misplaced", k, sp.Name)
			}
			if p != nil && sp.End > p.End && p.Kind != KindProducer {
				t.Fatalf("span %d, %s: outlives %s", k, sp.Name, p.Name)
			}
			if sp.End-spans[0].Start > int64(10*time.Second) {
				t.Fatalf("trace %v lasts more than ten seconds", sp.TraceID)
			}
			at[sp.SpanID] = sp
		}
	}
	if len(services) != shopServices || len(s.Services()) != shopServices {
		t.Errorf("%d services were seen, want %d", len(services), shopServices)
	}
}

// The incident slows product pages by far, and nothing else; it shows as a
// release and as many equal queries.
func TestShopIncidentShows(t *testing.T) {
	incident := base.TimeRange{Start: DefaultBase + 60*minute, End: DefaultBase + 70*minute}
	s := NewShop(ShopConfig{Incident: incident})
	medians := func(r base.TimeRange) (map[string]time.Duration, int) {
		durations := make(map[string][]int64)
		most := 0
		for spans := range s.Traces(r) {
			durations[spans[0].Name] = append(durations[spans[0].Name], spans[0].Duration())
			repeated := make(map[string]int)
			for _, sp := range spans {
				repeated[sp.Name]++
				if sp.Kind == KindClient {
					most = max(most, repeated[sp.Name])
				}
			}
		}
		out := make(map[string]time.Duration)
		for name, d := range durations {
			slices.Sort(d)
			out[name] = time.Duration(d[len(d)/2])
		}
		return out, most
	}
	before, calm := medians(base.TimeRange{Start: incident.Start - 10*minute, End: incident.Start})
	during, storm := medians(incident)
	for name := range before {
		t.Logf("%-22s %8v, during the incident %8v", name, before[name], during[name])
		ratio := float64(during[name]) / float64(before[name])
		if slow := name == "GET /products/{sku}"; slow && ratio < 5 || !slow && (ratio < 0.7 || ratio > 1.4) {
			t.Errorf("%s went from %v to %v", name, before[name], during[name])
		}
	}
	if calm > 3 || storm < 14 {
		t.Errorf("equal calls in a trace: %d before, %d during", calm, storm)
	}
}

// A product page and a checkout as a human sees them.
func TestShopReads(t *testing.T) {
	s := NewShop(ShopConfig{})
	var b strings.Builder
	seen := make(map[string]bool)
	for spans := range s.Traces(base.TimeRange{Start: DefaultBase, End: DefaultBase + 3*minute}) {
		if name := spans[0].Name; !seen[name] {
			seen[name] = true
			writeTree(&b, spans)
		}
	}
	path := filepath.Join("testdata", "shop.txt")
	if os.Getenv("REWRITE") != "" {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, []byte(b.String())) {
		t.Errorf("the visits read differently; look at them with REWRITE=1:\n%s", cmp.Diff(string(want), b.String()))
	}
}

func writeTree(b *strings.Builder, spans []Span) {
	depth := make(map[SpanID]int)
	for i := range spans {
		s := &spans[i]
		if i > 0 {
			depth[s.SpanID] = depth[s.Parent] + 1
		}
		fmt.Fprintf(b, "%s%-14s %s  +%v %v", strings.Repeat("  ", depth[s.SpanID]), s.Resource.Service, s.Name,
			time.Duration(s.Start-spans[0].Start).Round(10*time.Microsecond),
			time.Duration(s.Duration()).Round(10*time.Microsecond))
		if s.Status == StatusError {
			fmt.Fprintf(b, "  ERROR %s", s.StatusMessage)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
}

func BenchmarkShopSlice(b *testing.B) {
	s := NewShop(ShopConfig{PerMinute: 30})
	b.ReportAllocs()
	spans := 0
	for i := 0; b.Loop(); i++ {
		for _, req := range s.Slice(DefaultBase+int64(i)*minute, DefaultBase+int64(i+1)*minute) {
			spans += req.Spans
		}
	}
	b.ReportMetric(float64(spans)/b.Elapsed().Seconds(), "spans/s")
}
