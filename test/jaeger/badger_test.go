package pandotest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jaegertracing/jaeger-idl/model/v1"
	"go.uber.org/zap"

	"github.com/jaegertracing/jaeger/internal/config"
	"github.com/jaegertracing/jaeger/internal/metrics"
	"github.com/jaegertracing/jaeger/internal/storage/v1/api/spanstore"
	"github.com/jaegertracing/jaeger/internal/storage/v1/badger"
	grpcv1 "github.com/jaegertracing/jaeger/internal/storage/v1/grpc"
)

// openBadger opens Jaeger's badger storage below dir as Jaeger does.
func openBadger(t *testing.T, dir string) *badger.Factory {
	t.Helper()
	f := badger.NewFactory()
	f.Config.Ephemeral = false
	f.Config.Directories = badger.Directories{Keys: filepath.Join(dir, "keys"), Values: filepath.Join(dir, "values")}
	if err := f.Initialize(metrics.NullFactory, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	return f
}

func writeSpans(t *testing.T, f *badger.Factory, spans []*model.Span) {
	t.Helper()
	w, err := f.CreateSpanWriter()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range spans {
		if err := w.WriteSpan(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
}

// imported is what the command prints.
type imported struct {
	Traces       int    `json:"traces"`
	Spans        int    `json:"spans"`
	Undecodable  int    `json:"undecodable"`
	Acknowledged int    `json:"acknowledged"`
	Resumed      int    `json:"resumed"`
	Checksum     string `json:"checksum"`
	Rate         float64
	Verified     struct {
		Equal    int    `json:"equal"`
		Extra    int    `json:"extra"`
		Checksum string `json:"checksum"`
	} `json:"verified"`
}

// importBadger runs the command, which must end well.
func importBadger(t *testing.T, args ...string) (got imported) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"import", "jaeger-badger", "-q", "-o", "json"}, args...)...)
	out, err := cmd.Output()
	if err != nil {
		exit := &exec.ExitError{}
		if errors.As(err, &exit) {
			t.Fatalf("%v: %v\n%s%s", args, err, exit.Stderr, out)
		}
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return got
}

// TestImportBadger brings a directory that Jaeger's library has written into the
// real binary, is killed on the way, and compares every span as Jaeger's client
// reads it with what was written.
func TestImportBadger(t *testing.T) {
	dir := t.TempDir()
	spans := randomSpans(1, 20_000)
	f := openBadger(t, dir)
	writeSpans(t, f, spans)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	before := treeSum(t, dir)

	dry := importBadger(t, dir, "--dry-run")
	want := byTrace(spans)
	if dry.Spans != len(spans) || dry.Traces != len(want) || dry.Undecodable != 0 {
		t.Errorf("dry run: %+v, want %d spans of %d traces", dry, len(spans), len(want))
	}
	addr := startServer(t)
	state := filepath.Join(t.TempDir(), "state")
	killImport(t, dir, addr, state)

	got := importBadger(t, dir, "--server", addr, "--state", state, "--verify")
	t.Logf("%d of %d spans were acknowledged before the kill", got.Resumed, got.Spans)
	if got.Spans != len(spans) || got.Acknowledged != len(spans) || got.Verified.Equal != len(spans) || got.Verified.Extra != 0 {
		t.Errorf("import: %+v, want %d spans", got, len(spans))
	}
	if got.Checksum != dry.Checksum || got.Verified.Checksum != dry.Checksum {
		t.Errorf("checksums %s of the dry run, %s of the import, %s of the server", dry.Checksum, got.Checksum, got.Verified.Checksum)
	}
	if after := treeSum(t, dir); after != before {
		t.Error("the directory has changed")
	}
	compareTraces(t, addr, want)
}

// killImport starts an import and kills it once something is acknowledged.
func killImport(t *testing.T, dir, addr, state string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, "import", "jaeger-badger", dir, "--server", addr, "--state", state, "--connections", "1", "-q")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for late := time.Now().Add(time.Minute); ; {
		if _, err := os.Stat(state); err == nil {
			break
		}
		if time.Now().After(late) {
			t.Error("no state file")
			break
		}
		time.Sleep(time.Millisecond)
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // killed
}

// TestImportBadgerOfKilledJaeger imports what a crash leaves.
func TestImportBadgerOfKilledJaeger(t *testing.T) {
	dir, crashed := t.TempDir(), filepath.Join(t.TempDir(), "crashed")
	spans := randomSpans(2, 2_000)
	f := openBadger(t, dir)
	t.Cleanup(func() { _ = f.Close() })
	writeSpans(t, f, spans)
	refused := func(want string, args ...string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), binary, append([]string{"import", "jaeger-badger"}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v: %s, want %q", args, err, out, want)
		}
	}
	refused("another process is using the directory", dir, "--dry-run")
	if out, err := exec.CommandContext(t.Context(), "cp", "-r", "--sparse=always", dir, crashed).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := treeSum(t, crashed)
	refused("was not closed cleanly", crashed, "--dry-run")

	addr := startServer(t)
	got := importBadger(t, crashed, "--server", addr, "--repair-in", filepath.Join(t.TempDir(), "copy"), "--verify")
	if got.Acknowledged != len(spans) || got.Verified.Equal != len(spans) {
		t.Errorf("import: %+v, want %d spans", got, len(spans))
	}
	if after := treeSum(t, crashed); after != before {
		t.Error("the directory has changed")
	}
	compareTraces(t, addr, byTrace(spans))
}

var treeSeed = maphash.MakeSeed()

// treeSum hashes names, times, sizes and the beginnings of all files: badger's
// logs are gigabytes of zeros until they are closed.
func treeSum(t *testing.T, dir string) uint64 {
	t.Helper()
	var h maphash.Hash
	h.SetSeed(treeSeed)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(&h, path, info.ModTime(), info.Size())
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		_, err = io.Copy(&h, io.LimitReader(file, 64<<20))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return h.Sum64()
}

func byTrace(spans []*model.Span) map[model.TraceID][]*model.Span {
	out := make(map[model.TraceID][]*model.Span)
	for _, s := range spans {
		out[s.TraceID] = append(out[s.TraceID], s)
	}
	return out
}

// compareTraces reads all traces with Jaeger's client and compares the spans.
func compareTraces(t *testing.T, addr string, want map[model.TraceID][]*model.Span) {
	t.Helper()
	f := grpcv1.NewFactory()
	v, command := config.Viperize(f.AddFlags)
	if err := command.ParseFlags([]string{"--grpc-storage.server=" + addr, "--grpc-storage.tls.enabled=false"}); err != nil {
		t.Fatal(err)
	}
	f.InitFromViper(v, zap.NewNop())
	if err := f.Initialize(metrics.NullFactory, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	reader, err := f.CreateSpanReader()
	if err != nil {
		t.Fatal(err)
	}
	wrong := 0
	for id, spans := range want {
		got, err := reader.GetTrace(context.WithoutCancel(t.Context()), spanstore.GetTraceParameters{TraceID: id})
		if err != nil {
			t.Fatal(err)
		}
		a, b := canonicalTrace(t, spans), canonicalTrace(t, got.Spans)
		if slices.Equal(a, b) {
			continue
		}
		if wrong++; wrong <= 3 {
			t.Errorf("trace %s: wrote %d spans, read %d: %s", id, len(a), len(b), spanDifference(t, a, b))
		}
	}
	if wrong > 0 {
		t.Errorf("%d of %d traces differ", wrong, len(want))
	}
}

// spanDifference shows the first spans of two traces that are not in both.
func spanDifference(t *testing.T, a, b []string) string {
	t.Helper()
	show := func(from, other []string) string {
		for _, data := range from {
			if slices.Contains(other, data) {
				continue
			}
			s := model.Span{}
			if err := s.Unmarshal([]byte(data)); err != nil {
				t.Fatal(err)
			}
			text, err := json.Marshal(&s)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		return "nothing"
	}
	return "\n  wrote " + show(a, b) + "\n  read  " + show(b, a)
}

// canonicalTrace returns the spans' bytes with all that has no order in order.
func canonicalTrace(t *testing.T, spans []*model.Span) []string {
	t.Helper()
	out := make([]string, len(spans))
	for i, s := range spans {
		c := *s
		c.ProcessID = ""
		c.Tags = canonicalTags(s.Tags)
		c.Process = &model.Process{ServiceName: s.Process.ServiceName, Tags: canonicalTags(s.Process.Tags)}
		c.References = slices.SortedFunc(slices.Values(s.References), func(a, b model.SpanRef) int {
			return cmp.Or(cmp.Compare(a.TraceID.Low, b.TraceID.Low), cmp.Compare(a.SpanID, b.SpanID))
		})
		c.Logs = slices.Clone(s.Logs)
		for k := range c.Logs {
			c.Logs[k].Fields = canonicalTags(c.Logs[k].Fields)
		}
		data, err := c.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		out[i] = string(data)
	}
	slices.Sort(out)
	return out
}

func canonicalTags(tags []model.KeyValue) []model.KeyValue {
	tags = slices.Clone(tags)
	slices.SortStableFunc(tags, func(a, b model.KeyValue) int { return cmp.Compare(a.Key, b.Key) })
	return tags
}
