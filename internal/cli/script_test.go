package cli

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/server"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"pando": func() {
			os.Exit(Main(Env{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr}))
		},
	})
}

// The scripts run the commands as users do. Beside testscript's own words:
//
//	expect CODE ARG...  run pando, which must end with the exit code
//	serve DIR           serve the data in DIR until stop or the end; sets PANDO_SERVER
//	corpus TRACES       send that many traces of the corpus at its published base
//	                    to the server and flush
//	stop                stop the server
//	find NAME DIR GLOB  set the variable to the first match below DIR
//	damage FILE         change a byte in the middle of the file
//	jaeger DIR TRACES   write a badger directory of Jaeger's with that many traces
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), UpdateScripts: *update, RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			// Nobody serves there: commands that forget their server fail.
			env.Setenv("PANDO_SERVER", "127.0.0.1:1")
			env.Setenv("HOME", "/nowhere")
			env.Values[backendKey{}] = &backend{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"expect": runPando, "find": findFile, "damage": damageFile, "jaeger": writeBadger,
			"serve":  func(ts *testscript.TestScript, _ bool, args []string) { running(ts).serve(t.Context(), ts, args[0]) },
			"corpus": func(ts *testscript.TestScript, _ bool, args []string) { running(ts).send(t.Context(), ts, args[0]) },
			"stop":   func(ts *testscript.TestScript, _ bool, _ []string) { running(ts).stop(ts) },
		},
	})
}

func runPando(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("pando", args[1:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// backend is the server of one script.
type backend struct{ s *server.Server }

type backendKey struct{}

func running(ts *testscript.TestScript) *backend { return ts.Value(backendKey{}).(*backend) }

func (b *backend) serve(ctx context.Context, ts *testscript.TestScript, dir string) {
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases = ts.MkAbs(dir), "127.0.0.1:0", true
	c.Storage.TTL = server.Duration(100 * 365 * 24 * time.Hour) // the corpus is in the past
	s, err := server.Open(ctx, server.Options{Config: c, Version: "v0.0.0-test"})
	ts.Check(err)
	b.s = s
	ts.Defer(func() { b.stop(ts) })
	ts.Check(s.Listen())
	ts.Setenv("PANDO_SERVER", s.Addr())
}

func (b *backend) stop(ts *testscript.TestScript) {
	if s := b.s; s != nil {
		b.s = nil
		ts.Check(s.Close())
	}
}

func (b *backend) send(ctx context.Context, ts *testscript.TestScript, traces string) {
	n, err := strconv.Atoi(traces)
	ts.Check(err)
	_, err = load.Run(ctx, load.Options{Endpoint: b.s.Addr()}, corpus.New(corpus.Config{Traces: n}).Requests)
	ts.Check(err)
	ts.Check(b.s.Compact(ctx))
}

func findFile(ts *testscript.TestScript, _ bool, args []string) {
	found, err := filepath.Glob(filepath.Join(ts.MkAbs(args[1]), args[2]))
	ts.Check(err)
	if len(found) == 0 {
		ts.Fatalf("nothing matches %s below %s", args[2], args[1])
	}
	ts.Setenv(args[0], found[0])
}

func damageFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	data[len(data)/2] ^= 0x20
	ts.Check(os.WriteFile(path, data, 0o600))
}
