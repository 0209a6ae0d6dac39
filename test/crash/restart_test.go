package crash

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/corpus"
)

// maxRestart is generous: the benchmark measures the real figure, this test
// notices when it becomes another kind of figure.
const maxRestart = 5 * time.Second

// TestFaultRestart measures the time from exec to the first right answer, after
// a clean stop and after a kill.
func TestFaultRestart(t *testing.T) {
	traces := 5000
	if testing.Short() {
		traces = 500
	}
	dir := workDir(t)
	p := start(t, dir)
	c := corpus.New(corpus.Config{Traces: traces, Base: time.Now().Add(-2 * time.Hour).UnixNano()})
	spans := loadCorpus(t, p, c)
	query := "/api/v1/traces/search?" + url.Values{
		"limit": {"1000"}, "order": {"slowest"},
		"start": {strconv.FormatInt(c.Config().Base, 10)}, "end": {strconv.FormatInt(c.End(), 10)},
	}.Encode()
	want := mustGet(t, p, query)
	if !bytes.Contains(want, []byte(`"traceId"`)) {
		t.Fatalf("nothing found: %.300s", want)
	}
	for _, how := range []string{"a kill with all in the log", "a clean stop", "a flush and a kill", "a merge and a clean stop"} {
		end := p.stop
		switch how {
		case "a flush and a kill":
			must(t, p.admin(t.Context(), "flush"))
		case "a merge and a clean stop":
			must(t, p.compact(t.Context()))
		}
		if how == "a clean stop" || how == "a merge and a clean stop" {
			must(t, end())
		} else {
			p.kill()
		}
		p = launch(t, dir)
		var got []byte
		must(t, p.poll(t.Context(), maxRestart, "answer", func() bool {
			if !p.listens(t.Context()) {
				return false
			}
			status, answer, err := p.get(t.Context(), query)
			got = answer
			return err == nil && status == http.StatusOK
		}))
		took := time.Since(p.launched)
		if !bytes.Equal(got, want) {
			t.Errorf("after %s the first answer differs: %.500s\nwant %.500s", how, got, want)
		}
		rss, _ := p.rss() // zero where /proc is missing
		t.Logf("%d spans, after %s: first right answer %v after exec, %d MiB resident", spans, how, took.Round(time.Millisecond), rss>>20)
	}
	must(t, p.stop())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func mustGet(t *testing.T, p *process, path string) []byte {
	t.Helper()
	status, answer, err := p.get(t.Context(), path)
	if err != nil || status != http.StatusOK {
		t.Fatalf("GET %s: %d %.300s, %v", path, status, answer, err)
	}
	return answer
}

// loadCorpus sends the whole corpus and returns the number of spans.
func loadCorpus(t *testing.T, p *process, c *corpus.Corpus) (spans int) {
	t.Helper()
	for body, n := range c.Requests {
		status, _, answer, err := p.do(t.Context(), http.MethodPost, "/v1/traces", bytes.NewReader(body), "Content-Type", "application/x-protobuf")
		if err != nil || status != http.StatusOK {
			t.Fatalf("load: %d %.300s, %v", status, answer, err)
		}
		spans += n
	}
	return spans
}

// TestRetention waits until a segment has expired: its spans are not served any
// more and their room on disk is given back. It takes a minute or two.
func TestRetention(t *testing.T) {
	if os.Getenv("PANDO_SLOW") == "" {
		t.Skip("set PANDO_SLOW=1 for tests that wait for the clock")
	}
	p := start(t, workDir(t), "PANDO_STORAGE_SEGMENT_INTERVAL=1m", "PANDO_STORAGE_TTL=1m", "PANDO_STORAGE_FLUSH_AGE=1s")
	conn := mustConnect(t, p)
	c := newCampaign(1)
	c.load.back = 5 * time.Second
	c.mustWrite(t, []sender{sendGRPC(conn), sendHTTP(p, false)}, 0)
	must(t, p.admin(t.Context(), "flush"))
	if bytes, err := p.metric(t.Context(), "pando_part_bytes"); err != nil || bytes == 0 {
		t.Fatalf("%v bytes of parts, %v", bytes, err)
	}
	wrote := time.Now()
	// The youngest span's segment ends with its minute; a minute of TTL later it is
	// expired, and a minute after that the disk must have fallen.
	due := wrote.Truncate(time.Minute).Add(3 * time.Minute)
	must(t, p.poll(t.Context(), time.Until(due), "forget the spans", func() bool {
		n, err := p.metric(t.Context(), "pando_part_bytes")
		must(t, err)
		return n == 0
	}))
	t.Logf("the disk was free %v after the write", time.Since(wrote).Round(time.Second))
	for _, k := range c.ledger.keys(stored) {
		for _, m := range c.load.traces(k) {
			if got, err := content(t.Context(), conn, m.id); err != nil || len(got) > 0 {
				t.Fatalf("trace %s: %d spans, %v", m.id, len(got), err)
			}
		}
	}
	if n := serviceCount(t, p); n != 0 {
		t.Errorf("%d services are listed after all spans expired", n)
	}
}

func serviceCount(t *testing.T, p *process) int {
	t.Helper()
	var doc struct {
		Services []string `json:"services"`
	}
	if err := p.getJSON(t.Context(), "/api/v1/services", &doc); err != nil {
		t.Fatal(fmt.Errorf("services: %w", err))
	}
	return len(doc.Services)
}
