package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/bench"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/server"
)

func newBench(env *Env) *cobra.Command {
	return group("bench", "Measure a server of this program", newBenchTraces(env))
}

type benchFlags struct {
	o      bench.Options
	asJSON bool
	quiet  bool
}

func newBenchTraces(env *Env) *cobra.Command {
	var f benchFlags
	cmd := &cobra.Command{
		Use: "traces", Short: "Load the published trace corpus, measure, query, check every answer", Args: cobra.NoArgs,
		Long: `Start a server on a temporary directory, load the trace corpus over OTLP gRPC, flush and
merge, restart, and ask every published class of queries over HTTP and in this process.
Answers are compared with those of a naive oracle. Docs: docs/benchmarks.md.

The corpus is a function of --seed; --traces scales it. Spans lie in the past, so that
retention takes them; --base fixes when. The server reads PANDO_ variables as always.
Exit code 3 when an answer was wrong.`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return runBench(cmd, env, &f) }),
	}
	flags := cmd.Flags()
	flags.IntVar(&f.o.Corpus.Traces, "traces", corpus.DefaultTraces, "how many traces, some 20 spans each")
	flags.Uint64Var(&f.o.Corpus.Seed, "seed", corpus.DefaultSeed, "seed of the corpus")
	addBase(cmd, &f.o.Corpus.Base)
	flags.IntVar(&f.o.Senders, "connections", 4, "requests under way at once")
	flags.IntVar(&f.o.Queries, "queries", 100, "queries of each class")
	flags.IntVar(&f.o.ByID, "by-id", 500, "queries of each class by trace id")
	flags.StringVar(&f.o.Dir, "keep", "", "run in this directory and keep the data")
	flags.BoolVar(&f.o.SkipFloor, "no-floor", false, "leave the estimate of the least size out")
	flags.BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	return cmd
}

func runBench(cmd *cobra.Command, env *Env, f *benchFlags) error {
	err := errors.Join(
		atLeastOne("traces", f.o.Corpus.Traces), atLeastOne("connections", f.o.Senders),
		atLeastOne("queries", f.o.Queries), atLeastOne("by-id", f.o.ByID),
	)
	if err != nil {
		return base.Mark(base.ClassInvalid, err)
	}
	f.o.Config = server.DefaultConfig()
	if err := f.o.Config.Load("", env.Environ); err != nil {
		return base.Mark(base.ClassInvalid, err)
	}
	if !f.quiet {
		f.o.Log = func(format string, args ...any) {
			_, _ = fmt.Fprintf(env.Stderr, format+"\n", args...) // progress, for whoever watches
		}
	}
	report, err := bench.Run(cmd.Context(), f.o)
	if err != nil {
		return err
	}
	if err := printReport(cmd.OutOrStdout(), report, f.asJSON); err != nil {
		return err
	}
	if !report.Right() {
		return errProblems
	}
	return nil
}

func printReport(w io.Writer, r *bench.Report, asJSON bool) error {
	if !asJSON {
		_, err := io.WriteString(w, r.Text())
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}
