package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// Env is what a command sees of the process around it.
type Env struct {
	Args    []string // without the program's name
	Environ []string // NAME=value
	Stdout  io.Writer
	Stderr  io.Writer
}

// lookup returns a variable of the environment, "" if it is not set.
func (e *Env) lookup(name string) string {
	for _, kv := range e.Environ {
		if k, v, ok := strings.Cut(kv, "="); ok && k == name {
			return v
		}
	}
	return ""
}

// impatience is when a second signal counts: until then it is an echo, which
// supervisors and terminals like to send.
const impatience = time.Second

// Main runs one command line and returns the exit code. The first interrupt or
// termination signal asks the command to end, a later one ends the process.
func Main(env Env) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, func() { time.AfterFunc(impatience, stop) }) // from then on signals do what they usually do
	root := newRoot(&env)
	root.SetArgs(env.Args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	return report(env.Stderr, cmd, err)
}

func newRoot(env *Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "pando",
		Short: "One database for the traces your services emit",
		Long: `Pando keeps the traces your services emit and answers questions about them.

New here? Run "pando demo": it starts a server with data in it and opens the page.
Own data: run "pando serve" and point OTEL_EXPORTER_OTLP_ENDPOINT at it.`,
		Args:          subcommand,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          showHelp,
	}
	root.SetOut(env.Stdout)
	root.SetErr(env.Stderr)
	root.SetHelpCommand(&cobra.Command{Use: "help [command]", Short: "Show help", Hidden: true, RunE: helpOn})
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp)
	root.AddCommand(
		newServe(env), newDemo(env), newTrace(env), newImport(env), newGen(env), newBench(env), newInspect(env), newConfig(env), newVersion(env),
	)
	return root
}

// group returns a command that only holds others.
func group(use, short string, kids ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: subcommand, RunE: showHelp}
	c.AddCommand(kids...)
	return c
}

// subcommand refuses what is no command, and says what may have been meant.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("there is no command %q", cmd.CommandPath()+" "+args[0])
	cmd.SuggestionsMinimumDistance = 2
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		return withHint(err, "%s %s", cmd.CommandPath(), names[0])
	}
	return err
}

func showHelp(cmd *cobra.Command, _ []string) error { return cmd.Help() }

func helpOn(cmd *cobra.Command, args []string) error {
	about, rest, err := cmd.Root().Find(args)
	if err != nil || about == nil || len(rest) > 0 {
		return errors.New("no such command: " + strings.Join(args, " "))
	}
	about.InitDefaultHelpFlag() // which runs of the command itself would do
	return about.Help()
}

// run marks errors of a command's work, so that what is left is wrong usage.
func run(work func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := work(cmd, args); err != nil {
			return &workError{err}
		}
		return nil
	}
}
