package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/selfmon"
	"github.com/pandodb/pando/internal/server"
)

func newServe(env *Env) *cobra.Command {
	var flags configFlags
	var addressFile string
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the server", Args: cobra.NoArgs,
		Long: `Run the server: one port answers OTLP, Jaeger's APIs of all ages, Zipkin's and the page.
Where they are free, well-known ports of this machine are aliases of it: 4317 and 4318
(OTLP), 16685, 16686, 17271, 14250 and 5778 (Jaeger), 9411 (Zipkin).

Every flag is also a key of the configuration file and a variable of the environment, such
as PANDO_DATA_DIR; "pando config print" shows them all. SIGTERM lets requests end and stops.`,
		Example: `  pando serve
  pando serve --data-dir /var/lib/pando
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:7070 your-service`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			c, err := flags.loadValid(cmd, env)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), env, &c, addressFile)
		}),
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&addressFile, "address-file", "", "write the address to this file once the server listens, for scripts that use port 0")
	return cmd
}

// serve runs a server until ctx ends, which is no error, or it fails.
func serve(ctx context.Context, env *Env, c *server.Config, addressFile string) (err error) {
	logger, err := newLogger(env.Stderr, &c.Log)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// Most of the heap is rows without pointers: a collection is cheap, and an
		// earlier one keeps a third of the memory.
		debug.SetGCPercent(50)
	}
	s, err := server.Open(ctx, server.Options{Config: *c, Version: version(), Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Listen(); err != nil {
		return err
	}
	if err := writeAddress(addressFile, s.Addr()); err != nil {
		return err
	}
	printBanner(env.Stdout, s)
	select {
	case <-ctx.Done():
		logger.Info("stopping")
		return nil
	case <-s.Failed():
		return withHint(s.Err(), "see the log above; nothing that was acknowledged is lost, start again once the cause is gone")
	}
}

// writeAddress makes the whole file appear at once.
func writeAddress(path, addr string) error {
	if path == "" {
		return nil
	}
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, []byte(addr+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func newLogger(w io.Writer, c *server.LogConfig) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return nil, base.Errorf(base.ClassInvalid, "log.level %q: want debug, info, warn or error", c.Level)
	}
	return selfmon.NewLogger(selfmon.LogOptions{Output: w, Format: selfmon.LogFormat(c.Format), Level: level})
}

// printBanner says where everything is.
func printBanner(w io.Writer, s *server.Server) {
	addr := reachable(s.Addr())
	use := fmt.Sprintf("Send spans:  OTEL_EXPORTER_OTLP_ENDPOINT=http://%s your-service", addr)
	if s.ReadOnly() {
		use = "Read-only:   answers queries; another process writes the data"
	}
	_, _ = fmt.Fprintf(w, `Pando %s

  page, API  http://%s
  OTLP       %s (gRPC and HTTP)
  also       %s
  data       %s

%s
Stop:        Ctrl-C
`, version(), addr, addr, aliasList(s.Aliases()), s.DataDir(), use) // a closed output is no reason to stop
}

func aliasList(aliases []string) string {
	if len(aliases) == 0 {
		return "no well-known port"
	}
	return strings.Join(aliases, ", ")
}

// reachable replaces an unspecified host by one to connect to.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}
