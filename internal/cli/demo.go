package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/demo"
	"github.com/pandodb/pando/internal/server"
)

type demoFlags struct {
	keep      string
	listen    string
	history   time.Duration
	seed      uint64
	noOpen    bool
	noAliases bool
}

func newDemo(env *Env) *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use: "demo", Short: "Run a server with data in it: a web shop with an incident", Args: cobra.NoArgs,
		Long: `Run a server with data in it and open its page. Twelve services of a web shop have sent
traces for a day and go on doing so; one release made one kind of page slow. Find out
which. All of it is removed at the end, unless --keep names a directory.`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), env, &f) }),
	}
	flags := cmd.Flags()
	flags.StringVar(&f.keep, "keep", "", "keep the data in this directory")
	flags.StringVar(&f.listen, "listen", server.DefaultConfig().Listen, "address that answers every protocol; a free port if it is taken")
	flags.DurationVar(&f.history, "history", demo.DefaultHistory, "how much of the past to fill in")
	flags.Uint64Var(&f.seed, "seed", 0, "make it another shop")
	addNoAliases(cmd, &f.noAliases)
	flags.BoolVar(&f.noOpen, "no-open", false, "do not open the browser")
	return cmd
}

func (f *demoFlags) options(env *Env) (demo.Options, error) {
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases, c.Log.Level = f.keep, f.listen, f.noAliases, "warn"
	logger, err := newLogger(env.Stderr, &c.Log)
	return demo.Options{Config: c, Version: version(), Logger: logger, Seed: f.seed, History: f.history}, err
}

func runDemo(ctx context.Context, env *Env, f *demoFlags) (err error) {
	o, err := f.options(env)
	if err != nil {
		return err
	}
	d, err := demo.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	_, _ = fmt.Fprintf(env.Stderr, "Filling in %g hours of a web shop ...\n", f.history.Hours()) // progress, for whoever watches
	filled, err := d.Fill(ctx, nil)
	if err != nil {
		return err
	}
	if err := f.welcome(ctx, env, d, &filled); err != nil {
		return err
	}
	return d.Live(ctx)
}

// welcome says what there is and what to do next, and opens the page.
func (f *demoFlags) welcome(ctx context.Context, env *Env, d *demo.Demo, filled *load.Result) error {
	slow, err := d.Slowest(ctx)
	if err != nil {
		return err
	}
	addr := reachable(d.Server().Addr())
	data := "removed at the end (--keep DIR keeps it)"
	if dir := d.Kept(); dir != "" {
		data = dir
	}
	_, err = fmt.Fprintf(env.Stdout, `Pando %s demo: %d spans of %d services in %s, more every second

  page      http://%s
  incident  http://%s%s
  OTLP      %s (gRPC and HTTP)
  also      %s
  data      %s

Next:
  pando trace search --server %s --service %s --operation %q --slowest
  pando trace get --server %s %s
  OTEL_EXPORTER_OTLP_ENDPOINT=http://%s your-service

Stop: Ctrl-C
`, version(), filled.Spans, len(d.Services()), filled.Elapsed.Round(100*time.Millisecond),
		addr, addr, d.FirstLook(), addr, aliasList(d.Server().Aliases()), data, addr, d.Services()[0], demo.SlowOperation, addr, slow.ID, addr)
	if err == nil && !f.noOpen {
		openBrowser(ctx, env, "http://"+addr+d.FirstLook())
	}
	return err
}
