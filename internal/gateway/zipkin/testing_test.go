package zipkin

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.uber.org/goleak"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/jobs"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const testResource = 7

// testNow is when all tests happen, the end of the writable time.
var testNow = time.Date(2026, 11, 20, 13, 0, 0, 0, time.UTC)

// server is a gateway over a real tablet, by way of a real OTLP gateway.
type server struct {
	http.Handler
	gateway *Gateway
	tablet  *columnar.Tablet
	ingest  *otlp.Gateway

	mu    sync.Mutex // of WriteTraces
	index uint64
	err   error // of every answer of the store
	reads int   // that are answered before err, if it is not zero
}

func newServer(t testing.TB, o otlp.Options) *server {
	t.Helper()
	pool := jobs.New(jobs.Options{})
	t.Cleanup(pool.Close)
	s := new(server)
	var err error
	s.tablet, err = columnar.Open(columnar.Options{
		FS: vfs.NewMem(), Dir: "tablet", ID: 1, Layout: trace.Layout(), Jobs: pool, SegmentInterval: time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.tablet.Close(); err != nil {
			t.Error(err)
		}
	})
	o.Resource, o.Logger = testResource, slog.New(slog.DiscardHandler)
	if s.ingest, err = otlp.New(s, o); err != nil {
		t.Fatal(err)
	}
	s.gateway, err = New(search.NewTraces(s, testResource), s.ingest, Options{
		Clock: func() time.Time { return testNow }, Logger: o.Logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	s.gateway.RegisterHTTP(mux)
	s.Handler = mux
	return s
}

func (s *server) Bounds() base.TimeRange {
	return base.TimeRange{Start: testNow.AddDate(-1, 0, 0).UnixNano(), End: testNow.UnixNano() + 1}
}

func (s *server) WriteTraces(_ context.Context, b *column.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.index++
	s.tablet.Apply(base.Position{Term: 1, Index: s.index}, b)
	return nil
}

// viewed asks a view of the tablet.
func viewed[T any](ctx context.Context, s *server, ask func(*columnar.View) (T, error)) (T, error) {
	var none T
	if s.reads--; s.err != nil && s.reads < 0 || ctx.Err() != nil {
		return none, cmp.Or(s.err, ctx.Err())
	}
	v, err := s.tablet.View()
	if err != nil {
		return none, err
	}
	defer v.Close()
	return ask(v)
}

func (s *server) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	return viewed(ctx, s, func(v *columnar.View) ([]columnar.Top, error) { return v.TopKeys(ctx, req) })
}

func (s *server) TopRows(ctx context.Context, req *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	return viewed(ctx, s, func(v *columnar.View) (*columnar.RowPage, error) { return v.TopRows(ctx, req) })
}

func (s *server) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	return viewed(ctx, s, func(v *columnar.View) ([]*column.Batch, error) { return v.ReadKeys(ctx, req) })
}

func (s *server) Distinct(ctx context.Context, refs []column.Ref) ([]columnar.Tuple, error) {
	return viewed(ctx, s, func(v *columnar.View) ([]columnar.Tuple, error) { return v.Distinct(ctx, refs) })
}

func (s *server) Scan(ctx context.Context, req *columnar.ScanRequest, visit func(*column.Batch) error) error {
	_, err := viewed(ctx, s, func(v *columnar.View) (int, error) { return 0, v.Scan(ctx, req, visit) })
	return err
}

func (s *server) Digests(ctx context.Context, time base.TimeRange, visit func(*columnar.Digest) error) error {
	_, err := viewed(ctx, s, func(v *columnar.View) (int, error) { return 0, v.Digests(ctx, time, visit) })
	return err
}

// do sends a request and returns the answer.
func (s *server) do(method, target, contentType string, body []byte, gzipped bool) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, target, bytes.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if gzipped {
		r.Header.Set("Content-Encoding", "gzip")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// get returns the body of an answer that must be well.
func (s *server) get(t testing.TB, target string) string {
	t.Helper()
	w := s.do(http.MethodGet, target, "", nil, false)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("GET %s: %d %s: %s", target, w.Code, w.Header(), w.Body)
	}
	return w.Body.String()
}

// post sends spans that must be accepted.
func (s *server) post(t testing.TB, contentType string, body []byte) {
	t.Helper()
	if w := s.do(http.MethodPost, "/api/v2/spans", contentType, body, false); w.Code != http.StatusAccepted || w.Body.Len() > 0 {
		t.Fatalf("POST: %d: %s", w.Code, w.Body)
	}
}

func zipped(t testing.TB, r io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.Copy(z, r); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// wantText checks the text of an error answer.
func wantText(t *testing.T, what string, w *httptest.ResponseRecorder, code int, want string) {
	t.Helper()
	if got := strings.TrimSuffix(w.Body.String(), "\n"); w.Code != code || got != want {
		t.Errorf("%s:\n got %d %s\nwant %d %s", what, w.Code, got, code, want)
	}
}
