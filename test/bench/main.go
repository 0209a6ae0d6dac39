// Command bench measures trace stores side by side on Pando's published load:
//
//	cd test/bench && go run . [-traces 5000] [-systems pando,badger]
//
// Every store runs in a process of its own (child.go), which serves OTLP gRPC
// and later answers the queries in itself. This process sends the same bytes to
// one after the other, and prints figures and ratios.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pandodb/pando/internal/bench"
	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
)

type options struct {
	traces, queries, byID, senders int
	base                           int64
	systems                        string
	asJSON                         bool

	child, dir string // of a child process
}

func main() {
	var o options
	flag.IntVar(&o.traces, "traces", 5_000, "how many traces; the published load has 50000")
	flag.IntVar(&o.queries, "queries", 100, "queries of each class")
	flag.IntVar(&o.byID, "by-id", 500, "queries of each class by trace id")
	flag.IntVar(&o.senders, "connections", 4, "requests under way at once")
	flag.Int64Var(&o.base, "base", 0, "start of the first trace, Unix nanoseconds; default two to three hours ago")
	flag.StringVar(&o.systems, "systems", "pando,badger", "which stores, in this order; ratios are to the last")
	flag.BoolVar(&o.asJSON, "json", false, "print JSON")
	flag.StringVar(&o.child, "child", "", "be the process of this store")
	flag.StringVar(&o.dir, "dir", "", "data directory of the child")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	work := compare
	if o.child != "" {
		work = runChild
	}
	if err := work(ctx, &o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (o *options) corpus() corpus.Config { return corpus.Config{Traces: o.traces, Base: o.base} }

// compare measures all stores and prints the outcome.
func compare(ctx context.Context, o *options) error {
	if o.base == 0 {
		o.base = defaultBase()
	}
	machine := bench.ThisMachine()
	results, err := measureAll(ctx, o)
	if err != nil {
		return err
	}
	if o.asJSON {
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]any{"machine": machine, "traces": o.traces, "base": o.base, "systems": results})
	}
	printTables(os.Stdout, o, &machine, results)
	return nil
}

func measureAll(ctx context.Context, o *options) ([]result, error) {
	var results []result
	for name := range strings.SplitSeq(o.systems, ",") {
		r, err := measure(ctx, o, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		results = append(results, *r)
	}
	return results, nil
}

// measure runs one store from an empty directory to its last answer.
func measure(ctx context.Context, o *options, name string) (*result, error) {
	dir, err := os.MkdirTemp("", "pando-compare-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }() // best effort: it is temporary
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "-child", name, "-dir", filepath.Join(dir, "data"),
		"-traces", strconv.Itoa(o.traces), "-base", strconv.FormatInt(o.base, 10),
		"-queries", strconv.Itoa(o.queries), "-by-id", strconv.Itoa(o.byID))
	var said bytes.Buffer // badger logs a lot
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	r, err := o.talk(ctx, name, in, bufio.NewReader(out))
	if err != nil {
		_ = cmd.Process.Kill() // it waits for us
		_ = cmd.Wait()         // err says more
		return nil, fmt.Errorf("%w\n%s", err, said.Bytes())
	}
	return r, cmd.Wait()
}

// talk drives a child: it sends the load to where the child serves, tells it
// that this was all, and reads what it measured.
func (o *options) talk(ctx context.Context, name string, in io.WriteCloser, out *bufio.Reader) (*result, error) {
	addr, err := out.ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the process did not start: %w", err)
	}
	res, err := load.Run(ctx, load.Options{
		Endpoint: strings.TrimSpace(addr), Senders: o.senders,
		Progress: func(p load.Result) {
			fmt.Fprintf(os.Stderr, "\r%s: %d spans, %.0f/s ", name, p.Spans, p.SpansPerSecond())
		},
	}, corpus.New(o.corpus()).Requests)
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return nil, err
	}
	if res.Refused > 0 {
		return nil, fmt.Errorf("refused %d of %d spans: %s", res.Refused, res.Spans, res.Reason)
	}
	if err := in.Close(); err != nil {
		return nil, err
	}
	r := &result{}
	if err := json.NewDecoder(out).Decode(r); err != nil {
		return nil, fmt.Errorf("the process did not report: %w", err)
	}
	r.System, r.Spans, r.SpansPerSecond = name, res.Spans, res.SpansPerSecond()
	r.AckP50, r.AckP99 = millis(res.Latency(50)), millis(res.Latency(99))
	return r, nil
}
