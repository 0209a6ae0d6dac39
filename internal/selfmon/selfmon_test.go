package selfmon

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"

	"github.com/pandodb/pando/internal/base"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s changed (run with -rewrite if meant):\n%s", name, diff)
	}
}

// reportAll reports one event of each type, with every field set.
func reportAll(e Events) {
	e.FlushDone(FlushDone{Tablet: 1, Part: 2, Rows: 1000, Bytes: 4096, Dur: 20 * time.Millisecond})
	e.MergeDone(MergeDone{
		Tablet: 1, Inputs: []base.PartID{2, 3, 4}, Output: 5, Level: 1, Rows: 2900,
		BytesIn: 12000, BytesOut: 9000, Dur: 1500 * time.Millisecond,
	})
	e.PartQuarantined(PartQuarantined{Tablet: 1, Part: 5, Err: base.Corruptionf("meta.bin", 8, "checksum")})
	e.SegmentDropped(SegmentDropped{
		Tablet: 1, Segment: base.TimeRange{Start: 0, End: 24 * int64(time.Hour)}, Parts: 7, Bytes: 1 << 20,
	})
	e.Stall(Stall{Tablet: 1, Why: StallMemory, Dur: 250 * time.Millisecond})
	e.LogSync(LogSync{Entries: 12, Bytes: 8192, Dur: 700 * time.Microsecond})
	e.LogSync(LogSync{Entries: 1, Bytes: 10, Dur: time.Second, Err: errors.New("input/output error")})
	e.BackgroundError(BackgroundError{Tablet: 1, Op: OpMerge, Err: errors.New("no space left on device")})
	e.TabletOpened(TabletOpened{Tablet: 1, Parts: 3, Bytes: 9000, Dur: 3 * time.Millisecond})
	e.TabletClosed(TabletClosed{Tablet: 1, Dur: time.Millisecond})
}

func TestLogEventsGolden(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	reportAll(LogEvents(log))
	golden(t, "events.log", out.String())
}

func exposition(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&out, f); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestMetricsGolden(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	err = RegisterTablets(reg, func() (sum TabletStats) {
		one := TabletStats{
			Tablets: 1, Segments: 2, Parts: 3, PartRows: 4, PartBytes: 5,
			MemtableRows: 6, MemtableBytes: 7, QuarantinedParts: 8, UnappliedBytes: 9,
		}
		sum.Add(one)
		sum.Add(one)
		return sum
	})
	if err != nil {
		t.Fatal(err)
	}
	reportAll(m.Events().WithDefaults())
	text := exposition(t, reg)
	golden(t, "metrics.txt", text)
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("promlint: %v, %v", problems, err)
	}
	for _, label := range []string{"tablet=", "group=", "resource=", "part="} {
		if strings.Contains(text, label) {
			t.Errorf("a metric has the unbounded label %s", label)
		}
	}
}

func TestMetricsSurviveAbsurdEvents(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	e := m.Events()
	e.FlushDone(FlushDone{Rows: -1, Bytes: math.MinInt64, Dur: -1})
	e.MergeDone(MergeDone{Level: -3, BytesIn: -1})
	e.MergeDone(MergeDone{Level: 99})
	e.Stall(Stall{})
	e.Stall(Stall{Why: 200, Dur: -1})
	e.Stall(Stall{Why: StallDisk, Dur: -1})
	e.BackgroundError(BackgroundError{Op: 200})
	e.LogSync(LogSync{Entries: -1, Bytes: -1})
	if text := exposition(t, reg); !strings.Contains(text, `pando_merges_total{level="3"} 1`) {
		t.Error("a merge above the highest level is not counted there")
	}
}

func TestRegisterTwiceFails(t *testing.T) {
	reg := prometheus.NewRegistry()
	if _, err := NewMetrics(reg); err != nil {
		t.Fatal(err)
	}
	if _, err := NewMetrics(reg); err == nil {
		t.Error("two sets of metrics share a registry")
	}
	if err := RegisterRuntime(reg, "v0"); err != nil {
		t.Fatal(err)
	}
	if text := exposition(t, reg); !strings.Contains(text, `pando_build_info{version="v0"} 1`) {
		t.Error("no build info")
	}
	if err := RegisterRuntime(reg, "v0"); err == nil {
		t.Error("runtime metrics were registered twice")
	}
}

func TestTeeTellsAllInOrder(t *testing.T) {
	var told []string
	one := Events{FlushDone: func(FlushDone) { told = append(told, "one") }}
	two := Events{
		FlushDone:    func(FlushDone) { told = append(told, "two") },
		TabletClosed: func(TabletClosed) { told = append(told, "closed") },
	}
	reportAll(Tee(one, Events{}, two))
	if got := strings.Join(told, " "); got != "one two closed" {
		t.Errorf("told %q", got)
	}
}

// TestEveryEventIsHandled fails when a field is added to Events and forgotten
// in Tee, the log or the metrics.
func TestEveryEventIsHandled(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	for name, e := range map[string]Events{
		"tee": Tee(), "defaults": Events{}.WithDefaults(), "log": LogEvents(slog.New(slog.DiscardHandler)), "metrics": m.Events(),
	} {
		v := reflect.ValueOf(e)
		for i := range v.NumField() {
			if v.Field(i).IsNil() {
				t.Errorf("%s: %s is nil", name, v.Type().Field(i).Name)
			}
		}
	}
	reportAll(Tee())
}

func TestNames(t *testing.T) {
	for r := StallReason(1); r < stallEnd; r++ {
		if r.String() == "" {
			t.Errorf("reason %d has no name", uint8(r))
		}
	}
	for o := Operation(1); o < opEnd; o++ {
		if o.String() == "" {
			t.Errorf("operation %d has no name", uint8(o))
		}
	}
	if StallReason(0).String() != "reason(0)" || Operation(99).String() != "operation(99)" {
		t.Error("undeclared values have no name")
	}
}

func TestNewLogger(t *testing.T) {
	f := func(o LogOptions, want string) {
		t.Helper()
		var out bytes.Buffer
		if o.Output == nil {
			o.Output = &out
		}
		log, err := NewLogger(o)
		if err != nil {
			t.Fatal(err)
		}
		log.Debug("d")
		log.Info("i", slog.Int("bytes", 7))
		if !strings.Contains(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
			t.Errorf("%+v wrote %q, want %q", o, out.String(), want)
		}
	}
	f(LogOptions{}, `"msg":"i","bytes":7}`)
	f(LogOptions{Format: LogAuto}, `"msg":"i","bytes":7}`)
	f(LogOptions{Format: LogText}, `msg=i bytes=7`)
	f(LogOptions{Format: LogText, Level: slog.LevelInfo}, `level=INFO`)
	if _, err := NewLogger(LogOptions{Output: io.Discard, Format: "xml"}); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("format xml: %v", err)
	}
	log, err := NewLogger(LogOptions{})
	if err != nil || log.Enabled(t.Context(), slog.LevelError) {
		t.Errorf("a logger without output is enabled, %v", err)
	}
}

func TestIsTerminal(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if isTerminal(file) || isTerminal(io.Discard) {
		t.Error("a file or a writer is a terminal")
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if !isTerminal(null) {
		t.Error("a character device is not a terminal")
	}
}

func BenchmarkLogSyncMetrics(b *testing.B) {
	m, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	e := Tee(m.Events(), LogEvents(slog.New(slog.DiscardHandler)))
	b.ReportAllocs()
	for b.Loop() {
		e.LogSync(LogSync{Entries: 12, Bytes: 8192, Dur: 700 * time.Microsecond})
	}
}
