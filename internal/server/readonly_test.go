package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/gateway/otlp/rawcodec"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
	"github.com/pandodb/pando/internal/server"
)

// bound is how old a reader's answers may be in these tests.
const bound = 100 * time.Millisecond

// readerOf configures a read-only process for what writer keeps.
func readerOf(data, index string) func(c *server.Config) {
	return func(c *server.Config) {
		c.DataDir, c.Storage.IndexDir, c.Storage.ReadOnly = data, index, true
		c.Storage.MaintenanceInterval = server.Duration(bound)
	}
}

// checksums returns names, modes, times and contents of a tree.
func checksums(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum := fmt.Sprint(info.Mode(), info.ModTime().UnixNano())
		if !d.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			sum += fmt.Sprintf(" %x", sha256.Sum256(data))
		}
		out[path] = sum
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestReadOnly answers from a directory that nobody writes at the moment, refuses
// writes in each protocol's own code, and leaves every byte as it was.
func TestReadOnly(t *testing.T) {
	c := corpusOf(200)
	oracle := corpus.NewOracle(c.Config())
	for _, index := range []string{"", t.TempDir()} {
		data := t.TempDir()
		s, err := tryStart(t, func(c *server.Config) { c.DataDir, c.Storage.IndexDir = data, index })
		if err != nil {
			t.Fatal(err)
		}
		send(t, s.Addr(), c)
		if index != "" { // else all of it is in the log only
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		before := checksums(t, data)
		if s, err = tryStart(t, readerOf(data, index)); err != nil {
			t.Fatal(err)
		}
		if !s.ReadOnly() {
			t.Error("does not say that it is read-only")
		}
		compare(t, "read-only", s, oracle)
		refusesWrites(t, s, c)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after := checksums(t, data)
		for path, sum := range before {
			if after[path] != sum {
				t.Errorf("%s has changed: %s, was %s", path, after[path], sum)
			}
			delete(after, path)
		}
		for path := range after {
			t.Errorf("%s is new", path)
		}
	}
}

func refusesWrites(t *testing.T, s *server.Server, c *corpus.Corpus) {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawcodec.Codec{})))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var wire []byte
	for req := range c.Requests {
		wire = bytes.Clone(req)
		break
	}
	var reply rawcodec.Message // remote storage version 2 writes by the same method
	err = conn.Invoke(t.Context(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export", rawcodec.NewMessage(wire), &reply)
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("OTLP over gRPC: %v", err)
	}
	for path, body := range map[string]string{
		"/v1/traces": string(wire), "/api/admin/flush": "", "/api/admin/compact": "", "/api/admin/purge": "",
		"/api/v2/spans": `[{"traceId":"1","id":"2","timestamp":` + fmt.Sprint(time.Now().UnixMicro()) + `,"duration":5,"localEndpoint":{"serviceName":"x"}}]`,
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		if strings.HasPrefix(body, "[") {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		_, _ = text.ReadFrom(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != http.StatusConflict || !strings.Contains(text.String(), "read-only") {
			t.Errorf("%s: %d %s", path, res.StatusCode, text.String())
		}
	}
	if err := s.Purge(context.Background(), false); base.ClassOf(err) != base.ClassConflict {
		t.Errorf("purge: %v", err)
	}
}

// TestReadOnlyBesideWriter asks a reader while the other process writes, flushes,
// merges, restarts and purges: what was acknowledged longer ago than the bound is
// there, whole.
func TestReadOnlyBesideWriter(t *testing.T) {
	c := corpusOf(400)
	oracle := corpus.NewOracle(c.Config())
	data := t.TempDir()
	s := start(t, data)
	r, err := tryStart(t, readerOf(data, ""))
	if err != nil {
		t.Fatal(err)
	}
	settled := func(when string) {
		t.Helper()
		<-time.After(bound) // what the reader promises
		compare(t, when, r, oracle)
	}
	send(t, s.Addr(), c)
	settled("written")
	for _, task := range []func() error{
		func() error { return s.Flush(t.Context()) },
		func() error { return s.Compact(t.Context()) },
	} {
		if err := task(); err != nil {
			t.Fatal(err)
		}
		compare(t, "in other files", r, oracle) // the same rows: no matter when
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, "closed", r, oracle)
	s = start(t, data)
	more := corpus.New(corpus.Config{Traces: 30, Seed: 9, Base: c.Config().Base})
	send(t, s.Addr(), more)
	<-time.After(bound)
	for _, id := range someTraces(corpus.NewOracle(more.Config())) {
		if got, err := r.Traces().Get(t.Context(), search.Ref{ID: trace.ID(id)}); err != nil || len(got) != 1 {
			t.Errorf("trace %x that came after a restart: %d traces, %v", id, len(got), err)
		}
	}
	if err := s.Purge(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	<-time.After(bound)
	if names, err := r.Traces().Services(t.Context()); err != nil || len(names) > 0 {
		t.Errorf("services after a purge: %v, %v", names, err)
	}
	for _, x := range []*server.Server{r, s} {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	}
}

func someTraces(o *corpus.Oracle) (ids []corpus.TraceID) {
	for _, class := range corpus.Classes() {
		for _, q := range o.Queries(class, 10, 3) {
			if _, ok := o.Trace(q.TraceID); ok {
				ids = append(ids, q.TraceID)
			}
		}
	}
	return ids
}

// TestReadOnlyRefusesToStart tells what is missing.
func TestReadOnlyRefusesToStart(t *testing.T) {
	f := func(what, want string, change func(c *server.Config)) {
		t.Helper()
		s, err := tryStart(t, change)
		if s != nil {
			_ = s.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", what, err, want)
		}
	}
	f("no directory", "that another process has made", readerOf(filepath.Join(t.TempDir(), "nothing"), ""))
	f("an empty one", "CATALOG is missing", readerOf(t.TempDir(), ""))
	f("nothing to read", "storage.ephemeral", func(c *server.Config) { c.Storage.Ephemeral, c.Storage.ReadOnly = true, true })
	data, index := t.TempDir(), t.TempDir()
	s, err := tryStart(t, func(c *server.Config) { c.DataDir, c.Storage.IndexDir = data, index })
	if err != nil {
		t.Fatal(err)
	}
	f("the index is elsewhere", "set storage.index_dir", readerOf(data, ""))
	f("its address is taken", "a --listen of its own", func(c *server.Config) {
		readerOf(data, index)(c)
		c.Listen = s.Addr()
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(data, "CATALOG")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[int]string{3: "not a catalog", len(whole) / 2: "checksum"} {
		bad := bytes.Clone(whole)
		bad[at] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		f("a damaged catalog", want, readerOf(data, index))
	}
}
