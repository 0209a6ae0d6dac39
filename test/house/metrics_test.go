package house

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/pandodb/pando/internal/server"
)

var rewrite = flag.Bool("rewrite", false, "rewrite docs/metrics.md")

const (
	metricsPage = "../../docs/metrics.md"
	metricsHead = `# Metrics

Everything under ` + "`/metrics`" + ` whose name begins with ` + "`pando_`" + `; Go's own metrics are
there too. Written by a test (` + "`go test ./test/house -rewrite`" + `), so it cannot drift.
What to watch stands in [operations](operations.md).

| metric | type | labels | meaning |
|---|---|---|---|
`
)

var metricName = regexp.MustCompile("`(pando_[a-z_]+)`")

// TestMetricsAreDocumented compares what a server exports with docs/metrics.md,
// and the names in docs/operations.md with both.
func TestMetricsAreDocumented(t *testing.T) {
	page, names := metricsOf(t)
	if *rewrite {
		if err := os.WriteFile(metricsPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if written, err := os.ReadFile(metricsPage); err != nil || string(written) != page {
		t.Errorf("docs/metrics.md does not say what the server exports: run go test ./test/house -rewrite (%v)", err)
	}
	operations, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metricName.FindAllStringSubmatch(string(operations), -1) {
		if !slices.Contains(names, m[1]) {
			t.Errorf("docs/operations.md: there is no metric %s", m[1])
		}
	}
}

// metricsOf starts a server and returns the page about its metrics.
func metricsOf(t *testing.T) (page string, names []string) {
	t.Helper()
	config := server.DefaultConfig()
	config.DataDir, config.Listen, config.NoAliases = t.TempDir(), "127.0.0.1:0", true
	s, err := server.Open(t.Context(), server.Options{Config: config, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Listen(); err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+"/metrics", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // only read
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	for name := range families {
		if strings.HasPrefix(name, "pando_") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	text := metricsHead
	for _, name := range names {
		f := families[name]
		var labels []string
		for _, pair := range f.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+pair.GetName()+"`")
		}
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(f.GetType().String()), strings.Join(labels, ", "), f.GetHelp())
	}
	return text, names
}
