package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
)

// clientFlags say which server a command talks to.
type clientFlags struct{ server string }

const defaultServer = "127.0.0.1:7070"

func (f *clientFlags) add(cmd *cobra.Command, env *Env) {
	def := env.lookup("PANDO_SERVER")
	if def == "" {
		def = defaultServer
	}
	cmd.Flags().StringVar(&f.server, "server", def, "address of the server; PANDO_SERVER sets the default")
}

func (f *clientFlags) client() (*api.Client, error) { return api.New(f.server) }

// advise says what to do about a server that does not answer.
func advise(err error) error {
	var said *api.Error
	if base.ClassOf(err) == base.ClassUnavailable && !errors.As(err, &said) {
		return withHint(err, `start one with "pando serve" or "pando demo", or name another with --server`)
	}
	return err
}

func newTrace(env *Env) *cobra.Command {
	return group("trace", "Get or search traces of a running server", newTraceGet(env), newTraceSearch(env), newTraceSpans(env))
}
