package cli

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/bench"
	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
)

func newGen(env *Env) *cobra.Command {
	return group("gen", "Send a made-up load to a server, or write it to a file", newGenTraces(env))
}

type genFlags struct {
	profile  string
	endpoint string
	out      string
	format   string
	quiet    bool
	seed     uint64
	traces   int
	base     int64
	spread   time.Duration
	rate     float64
	senders  int
}

func newGenTraces(env *Env) *cobra.Command {
	var f genFlags
	cmd := &cobra.Command{
		Use: "traces", Short: "Send traces over OTLP gRPC and report rates and latencies", Args: cobra.NoArgs,
		Long: `Send made-up traces to any OTLP gRPC server and report how it took them. The same seed, base
and number make the same bytes. Profiles: corpus, the published load of 50 services, some 20
spans a trace; shop, the web shop of the demo.

With --out the requests go to a file instead, each as a length of four bytes, big endian, and
an ExportTraceServiceRequest: what the OpenTelemetry collector's file exporter writes.`,
		Example: `  pando gen traces --traces 10000
  pando gen traces --profile shop --rate 5000 --endpoint 127.0.0.1:4317
  pando gen traces --traces 1000 --base 2026-01-01 --out corpus.otlp`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return f.run(cmd, env) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.profile, "profile", "corpus", "corpus or shop")
	flags.StringVar(&f.endpoint, "endpoint", defaultServer, "host:port of an OTLP gRPC server")
	flags.StringVar(&f.out, "out", "", "write the requests to this file instead; - is standard output")
	flags.Uint64Var(&f.seed, "seed", corpus.DefaultSeed, "seed of the load")
	flags.IntVar(&f.traces, "traces", 10_000, "how many traces, for the shop about")
	addBase(cmd, &f.base)
	flags.DurationVar(&f.spread, "spread", time.Hour, "time over which traces start")
	flags.Float64Var(&f.rate, "rate", 0, "spans per second; 0 is as fast as it goes")
	flags.IntVar(&f.senders, "connections", 4, "requests under way at once")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	addFormat(cmd, &f.format)
	complete(cmd, "profile", "corpus", "shop")
	return cmd
}

func (f *genFlags) run(cmd *cobra.Command, env *Env) error {
	if f.base == 0 {
		f.base = bench.DefaultBase(time.Now())
	}
	source, err := f.source()
	if err != nil {
		return err
	}
	if f.out != "" {
		return f.writeFile(cmd.Context(), env, source)
	}
	o := load.Options{Endpoint: f.endpoint, Senders: f.senders, SpansPerSecond: f.rate}
	if !f.quiet {
		o.Progress = func(r load.Result) {
			_, _ = fmt.Fprintf(env.Stderr, "%d spans, %.0f/s\n", r.Spans, r.SpansPerSecond()) // progress, for whoever watches
		}
	}
	res, err := load.Run(cmd.Context(), o, source)
	if err != nil {
		if base.ClassOf(err) == base.ClassUnavailable {
			return withHint(err, `start a server with "pando serve", or name another with --endpoint`)
		}
		return err
	}
	return listLoad(&res).write(cmd.OutOrStdout(), f.format)
}

func (f *genFlags) source() (load.Source, error) {
	if f.traces <= 0 || f.spread < time.Minute {
		return nil, base.Errorf(base.ClassInvalid, "%d traces over %s: want at least one, over at least a minute", f.traces, f.spread)
	}
	switch f.profile {
	case "corpus":
		return corpus.New(corpus.Config{Seed: f.seed, Traces: f.traces, Base: f.base, Spread: f.spread}).Requests, nil
	case "shop":
		return f.shop(), nil
	default:
		return nil, base.Errorf(base.ClassInvalid, "profile %q: want corpus or shop", f.profile)
	}
}

// shop yields the shop's requests, minute by minute.
func (f *genFlags) shop() load.Source {
	perMinute := max(1, int(float64(f.traces)/f.spread.Minutes()))
	end := f.base + int64(f.spread)
	shop := corpus.NewShop(corpus.ShopConfig{
		Seed: f.seed, PerMinute: perMinute,
		Incident: base.TimeRange{Start: f.base + int64(f.spread)/2, End: end},
	})
	return func(yield func([]byte, int) bool) {
		for t := f.base; t < end; t += int64(time.Minute) {
			for _, req := range shop.Slice(t, min(t+int64(time.Minute), end)) {
				if !yield(req.Body, req.Spans) {
					return
				}
			}
		}
	}
}

// writeFile writes the requests with their lengths.
func (f *genFlags) writeFile(ctx context.Context, env *Env, source load.Source) (err error) {
	w := env.Stdout
	if f.out != "-" {
		file, err := os.Create(f.out)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		w = file
	}
	buffered := bufio.NewWriterSize(w, 1<<20)
	for body := range source {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := writeFrame(buffered, body); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

func writeFrame(w io.Writer, body []byte) error {
	if _, err := w.Write(binary.BigEndian.AppendUint32(nil, uint32(len(body)))); err != nil {
		return err
	}
	_, err := w.Write(body)
	return err
}

// loadDoc is a load's result; the JSON names are stable.
type loadDoc struct {
	Requests       int     `json:"requests"`
	Spans          int     `json:"spans"`
	Refused        int     `json:"refused"`
	Reason         string  `json:"reason,omitempty"`
	Bytes          int64   `json:"bytes"`
	Retries        int     `json:"retries"`
	Seconds        float64 `json:"seconds"`
	SpansPerSecond float64 `json:"spans_per_second"`
	P50            float64 `json:"ack_ms_p50"`
	P90            float64 `json:"ack_ms_p90"`
	P99            float64 `json:"ack_ms_p99"`
	Max            float64 `json:"ack_ms_max"`
}

func listLoad(r *load.Result) *listing {
	ms := func(p float64) float64 { return float64(r.Latency(p)) / float64(time.Millisecond) }
	doc := loadDoc{
		Requests: r.Requests, Spans: r.Spans, Refused: r.Refused, Reason: r.Reason, Bytes: r.Bytes, Retries: r.Retries,
		Seconds: r.Elapsed.Seconds(), SpansPerSecond: r.SpansPerSecond(), P50: ms(50), P90: ms(90), P99: ms(99), Max: ms(100),
	}
	human := func(p float64) string { return humanDuration(int64(r.Latency(p))) }
	l := &listing{
		head: []string{"SPANS", "REFUSED", "REQUESTS", "RETRIES", "BYTES", "TIME", "SPANS/S", "ACK P50", "P90", "P99", "MAX"},
		human: [][]string{{
			strconv.Itoa(doc.Spans), strconv.Itoa(doc.Refused), strconv.Itoa(doc.Requests), strconv.Itoa(doc.Retries),
			humanBytes(doc.Bytes), humanDuration(int64(r.Elapsed)), fmt.Sprintf("%.0f", doc.SpansPerSecond),
			human(50), human(90), human(99), human(100),
		}},
		rawHead: []string{"spans", "refused", "requests", "retries", "bytes", "seconds", "spans_per_second", "ack_ms_p50", "ack_ms_p90", "ack_ms_p99", "ack_ms_max"},
		raw: [][]string{{
			strconv.Itoa(doc.Spans), strconv.Itoa(doc.Refused), strconv.Itoa(doc.Requests), strconv.Itoa(doc.Retries),
			strconv.FormatInt(doc.Bytes, 10), fmt.Sprintf("%.3f", doc.Seconds), fmt.Sprintf("%.1f", doc.SpansPerSecond),
			fmt.Sprintf("%.3f", doc.P50), fmt.Sprintf("%.3f", doc.P90), fmt.Sprintf("%.3f", doc.P99), fmt.Sprintf("%.3f", doc.Max),
		}},
		doc: doc, docs: []any{doc},
	}
	if r.Refused > 0 {
		l.footer = "refused: " + r.Reason
	}
	return l
}
