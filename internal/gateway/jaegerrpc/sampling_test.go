package jaegerrpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/apiv2pb"
)

func parseFile(t testing.TB) *Strategies {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "strategies.json"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseStrategies(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// short writes a strategy in one line.
func short(s *apiv2pb.SamplingStrategyResponse) string {
	var b strings.Builder
	fmt.Fprint(&b, s.GetStrategyType())
	if p := s.GetProbabilisticSampling(); p != nil {
		fmt.Fprintf(&b, " p=%g", p.GetSamplingRate())
	}
	if l := s.GetRateLimitingSampling(); l != nil {
		fmt.Fprintf(&b, " max=%d", l.GetMaxTracesPerSecond())
	}
	if o := s.GetOperationSampling(); o != nil {
		fmt.Fprintf(&b, " default=%g", o.GetDefaultSamplingProbability())
		if low := o.GetDefaultLowerBoundTracesPerSecond(); low != 0 {
			fmt.Fprintf(&b, " low=%.4f", low)
		}
		for _, op := range o.GetPerOperationStrategies() {
			fmt.Fprintf(&b, " %s=%g", op.GetOperation(), op.GetProbabilisticSampling().GetSamplingRate())
		}
	}
	return b.String()
}

// TestStrategies reads a file whose answers were worked out by Jaeger's rules.
func TestStrategies(t *testing.T) {
	s := parseFile(t)
	for service, want := range map[string]string{
		"unknown":  "PROBABILISTIC p=0.5 default=0.5 op0=0.2 op6=0 op7=1",
		"foo":      "PROBABILISTIC p=0.8 default=0.8 op6=0.5 op1=0.2 op0=0.2 op7=1",
		"bar":      "RATE_LIMITING max=5 default=0.001 op3=0.3 op0=0.2 op6=0 op7=1",
		"plain":    "PROBABILISTIC p=1 default=1 op0=0.2 op6=0 op7=1",
		"limited":  "RATE_LIMITING max=3 default=0.5 op0=0.2 op6=0 op7=1",
		"typeless": "PROBABILISTIC p=0.001 default=0.001 op9=0.9 op0=0.2 op6=0 op7=1",
	} {
		if got := short(s.Strategy(service)); got != want {
			t.Errorf("%s: got %s, want %s", service, got, want)
		}
	}
	want := []string{
		`default_strategy.operation_strategies[2]: operations are sampled by probability only: "spam" gets 0.5`,
		`service_strategies[0].operation_strategies[2]: operations are sampled by probability only: "op2" gets 0.8`,
		`service_strategies[3]: param 3.5: the protocol has whole traces per second: 3`,
	}
	if diff := gocmp.Diff(want, s.Warnings()); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	for _, text := range []string{`{}`, `null`} {
		s, err := ParseStrategies([]byte(text))
		if err != nil || short(s.Strategy("x")) != "PROBABILISTIC p=0.001" {
			t.Errorf("%s: %v", text, err)
		}
	}
	none := (*Strategies)(nil)
	if got := short(none.Strategy("x")); got != "PROBABILISTIC p=0.001" || none.Warnings() != nil {
		t.Errorf("nil: %s", got)
	}
}

func TestParseStrategiesRefusals(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "sampling strategies: line 1: EOF"},
		{`"nonsense"`, "sampling strategies: line 1: json: cannot unmarshal string"},
		{"{\n\"default_strategy\": {\n\"type\": 5}}", "sampling strategies: line 3: json: cannot unmarshal number"},
		{"{\n\n{", "sampling strategies: line 3: invalid character '{'"},
		{"{}\n{}", "sampling strategies: line 2: something follows the document"},
		{`{"default":{}}`, `sampling strategies: line 1: json: unknown field "default"`},
		{`{"default_strategy":{"type":"const","param":1}}`, `default_strategy: type "const": want probabilistic or ratelimiting`},
		{`{"default_strategy":{}}`, `default_strategy: type "": want probabilistic or ratelimiting`},
		{`{"default_strategy":{"type":"probabilistic","param":50}}`, `default_strategy: param 50: want a probability, 0 to 1`},
		{`{"default_strategy":{"type":"ratelimiting","param":-1}}`, `default_strategy: param -1: want 0 to 2147483647 traces per second`},
		{`{"service_strategies":[{"type":"probabilistic"}]}`, `service_strategies[0]: service is missing`},
		{`{"service_strategies":[{"service":"a","type":"probabilistic"},{"service":"a","type":"probabilistic"}]}`, `service_strategies[1]: service "a" has a strategy already`},
		{`{"service_strategies":[{"service":"a","operation_strategies":[{"type":"probabilistic"}]}]}`, `service_strategies[0].operation_strategies[0]: operation is missing`},
		{`{"service_strategies":[{"service":"a","operation_strategies":[{"operation":"o"}]}]}`, `service_strategies[0].operation_strategies[0]: type "": want probabilistic`},
		{`{"service_strategies":[{"service":"a","operation_strategies":[{"operation":"o","type":"probabilistic","param":2}]}]}`, `service_strategies[0].operation_strategies[0]: param 2: want a probability, 0 to 1`},
	} {
		_, err := ParseStrategies([]byte(test.in))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%q: got %v, want %s", test.in, err, test.want)
		}
	}
}

func FuzzParseStrategies(f *testing.F) {
	data, err := os.ReadFile(filepath.Join("testdata", "strategies.json"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"default_strategy":{"type":"ratelimiting","param":2e9}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := ParseStrategies(data)
		if err != nil {
			if base.ClassOf(err) != base.ClassInvalid {
				t.Fatal(err)
			}
			return
		}
		for service := range s.services {
			strategyJSON(s.Strategy(service))
		}
	})
}

// TestSamplingHTTP compares with the JSON that Jaeger writes.
func TestSamplingHTTP(t *testing.T) {
	m := newMemory()
	g, err := New(m, m, Options{Strategies: parseFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	g.RegisterHTTP(mux)
	for _, test := range []struct {
		method, target string
		code           int
		body           string
	}{
		{"GET", "/sampling?service=limited", 200, `{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":3},"operationSampling":{"defaultSamplingProbability":0.5,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"op0","probabilisticSampling":{"samplingRate":0.2}},{"operation":"op6","probabilisticSampling":{"samplingRate":0}},{"operation":"op7","probabilisticSampling":{"samplingRate":1}}],"defaultUpperBoundTracesPerSecond":0}}`},
		{"GET", "/api/sampling", 400, "'service' parameter must be provided once\n"},
		{"GET", "/sampling?service=", 400, "'service' parameter must be provided once\n"},
		{"GET", "/sampling?service=a&service=b", 400, "'service' parameter must be provided once\n"},
		{"POST", "/sampling?service=a", 405, "use GET\n"},
	} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), test.method, test.target, http.NoBody))
		if w.Code != test.code || w.Body.String() != test.body {
			t.Errorf("%s %s: %d %s", test.method, test.target, w.Code, w.Body)
		}
	}
	// What the HTTP form says is what the message says.
	var got apiv2pb.SamplingStrategyResponse
	want := parseFile(t).Strategy("bar")
	if err := protojson.Unmarshal(strategyJSON(want), &got); err != nil || !proto.Equal(want, &got) {
		t.Errorf("got %v, %v, want %v", &got, err, want)
	}
	if got := string(strategyJSON(probabilistic(0.42))); got != `{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.42}}` {
		t.Errorf("got %s", got)
	}
}

func TestNextProbability(t *testing.T) {
	o := AdaptiveOptions{}.withDefaults()
	for _, test := range []struct{ old, rate, want float64 }{
		{0.1, 1, 0.1},       // on target
		{0.1, 1.29, 0.1},    // within tolerance
		{0.1, 0.71, 0.1},    // also below
		{0.1, 2, 0.05},      // too much: down at once
		{0.1, 1000, 0.0001}, // however far
		{0.1, 0.6, 0.1 / 0.6},
		{0.1, 0.01, 0.2},  // too little: doubled at most
		{0.1, 0, 0.2},     // nothing at all
		{0.8, 0, 1},       // up to everything
		{1, 0.1, 1},       // and no more
		{1e-5, 50, 1e-5},  // down to the least
		{0.5, 1e12, 1e-5}, // and no less
	} {
		if got := o.next(test.old, test.rate); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("next(%g, %g) = %g, want %g", test.old, test.rate, got, test.want)
		}
	}
}

// TestConverges simulates services with known traffic: whatever it is, stored
// traces come to the target and stay there.
func TestConverges(t *testing.T) {
	o := AdaptiveOptions{}.withDefaults()
	rng := rand.New(rand.NewPCG(1, 9))
	for range 200 {
		calls := math.Exp(rng.Float64()*16 - 3) // 0.05 to 440,000 a second
		p := o.Initial
		for range 40 {
			p = o.next(p, calls*p)
		}
		want := min(1, max(o.Min, o.Target/calls))
		if math.Abs(p-want) > o.Tolerance*1.5*want {
			t.Errorf("%g calls/s: probability %g, want about %g", calls, p, want)
		}
	}
}

// rates is a throughput that answers in turn.
type rates struct {
	answers []func() ([]Rate, error)
	asked   []base.TimeRange
}

func (r *rates) RootRates(_ context.Context, in base.TimeRange) ([]Rate, error) {
	r.asked = append(r.asked, in)
	next := r.answers[0]
	r.answers = r.answers[1:]
	return next()
}

func TestAdaptive(t *testing.T) {
	say := func(list ...Rate) func() ([]Rate, error) { return func() ([]Rate, error) { return list, nil } }
	source := &rates{answers: []func() ([]Rate, error){
		say(Rate{"shop", "get", 10}, Rate{"shop", "put", 1}, Rate{"bank", "pay", 0.1}),
		func() ([]Rate, error) { return nil, errors.New("no") },
		say(Rate{"shop", "get", 1}),
	}}
	now := time.Unix(1_700_000_000, 0)
	a, err := NewAdaptive(source, AdaptiveOptions{Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when string, want map[string]string) {
		t.Helper()
		for service, want := range want {
			if got := short(a.Strategy(t.Context(), service)); got != want {
				t.Errorf("%s, %s: got %s, want %s", when, service, got, want)
			}
		}
	}
	first := map[string]string{
		"shop": "PROBABILISTIC default=0.001 low=0.0167 get=0.0001 put=0.001",
		"bank": "PROBABILISTIC default=0.001 low=0.0167 pay=0.002",
		"new":  "PROBABILISTIC default=0.001 low=0.0167",
	}
	check("first", first)
	now = now.Add(59 * time.Second)
	check("within the minute", first)
	now = now.Add(time.Second)
	check("failed step", first)
	now = now.Add(time.Minute)
	check("third step", map[string]string{
		"shop": "PROBABILISTIC default=0.001 low=0.0167 get=0.0001 put=0.002",
		"bank": "PROBABILISTIC default=0.001 low=0.0167 pay=0.004",
	})
	end := time.Unix(1_700_000_000, 0).Add(-2 * time.Minute)
	want := base.TimeRange{Start: end.Add(-time.Minute).UnixNano(), End: end.UnixNano()}
	if len(source.asked) != 3 || source.asked[0] != want {
		t.Errorf("asked %v", source.asked)
	}
	for range maxSilence + 1 {
		source.answers = append(source.answers, say())
		now = now.Add(time.Minute)
		a.Strategy(t.Context(), "shop")
	}
	check("after silence", map[string]string{"shop": first["new"]})
	if len(a.mu.services) != 0 {
		t.Errorf("remembers %v", a.mu.services)
	}
}

func TestAdaptiveKeepsTheBusiest(t *testing.T) {
	o := AdaptiveOptions{MaxOperations: 2}.withDefaults()
	got := o.step(operations{"old": {probability: 1}}, map[string]float64{"a": 1, "b": 5, "c": 5})
	if len(got) != 2 || got["b"].probability == 0 || got["c"].probability == 0 {
		t.Errorf("got %v", got)
	}
}

// TestFileGoesFirst asks who answers when there is a file and a target.
func TestFileGoesFirst(t *testing.T) {
	a, err := NewAdaptive(&rates{answers: []func() ([]Rate, error){func() ([]Rate, error) { return nil, nil }}}, AdaptiveOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	c := dial(t, m, m, Options{Strategies: parseFile(t), Adaptive: a})
	for service, want := range map[string]string{
		"plain": "PROBABILISTIC p=1 default=1 op0=0.2 op6=0 op7=1",
		"other": "PROBABILISTIC default=0.001 low=0.0167",
	} {
		s, err := c.GetSamplingStrategy(t.Context(), &apiv2pb.SamplingStrategyParameters{ServiceName: service})
		if err != nil || short(s) != want {
			t.Errorf("%s: got %s, %v", service, short(s), err)
		}
	}
}

func TestAdaptiveRefusals(t *testing.T) {
	for _, o := range []AdaptiveOptions{
		{Target: -1},
		{Target: math.NaN()},
		{Initial: 2},
		{Min: math.NaN()},
		{Initial: 0.1, Min: 0.2},
		{Interval: time.Millisecond},
		{Delay: -1},
		{MaxOperations: -1},
	} {
		if _, err := NewAdaptive(&rates{}, o); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := NewAdaptive(nil, AdaptiveOptions{}); base.ClassOf(err) != base.ClassInvalid {
		t.Error(err)
	}
}
