package server_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/server"
)

// TestSampling answers from the file for services it names, and adapts to what
// was stored for others.
func TestSampling(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strategies.json")
	text := `{"default_strategy": {"type": "probabilistic", "param": 0.5},
		"service_strategies": [{"service": "named", "type": "ratelimiting", "param": 5}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := tryStart(t, func(c *server.Config) {
		c.Storage.Ephemeral = true
		c.Jaeger.SamplingStrategies, c.Jaeger.AdaptiveSampling = path, true
	})
	if err != nil {
		t.Fatal(err)
	}
	send(t, s.Addr(), corpusOf(20))
	var named, other struct {
		StrategyType         any
		RateLimitingSampling struct{ MaxTracesPerSecond int }
		OperationSampling    struct{ DefaultSamplingProbability float64 }
	}
	get(t, "http://"+s.Addr()+"/sampling?service=named", nil, &named)
	if named.RateLimitingSampling.MaxTracesPerSecond != 5 {
		t.Errorf("a service of the file: %+v", named)
	}
	get(t, "http://"+s.Addr()+"/api/sampling?service=cart", nil, &other)
	if p := other.OperationSampling.DefaultSamplingProbability; p <= 0 || p > 1 {
		t.Errorf("another service: %+v", other)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(`{"service_strategies": [{"service": "x", "type": "wrong"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, path + ".missing"} {
		_, err := tryStart(t, func(c *server.Config) {
			c.Storage.Ephemeral = true
			c.Jaeger.SamplingStrategies = bad
		})
		if err == nil || !strings.Contains(err.Error(), "jaeger.sampling_strategies") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
