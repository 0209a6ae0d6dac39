package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/bench/load"
	"github.com/pandodb/pando/internal/importer/jaegerbadger"
	"github.com/pandodb/pando/internal/server"
)

func newImport(env *Env) *cobra.Command {
	return group("import", "Bring what another database holds into a running server", newImportBadger(env))
}

type badgerFlags struct {
	clientFlags
	keys     string
	state    string
	repairIn string
	format   string
	dryRun   bool
	verify   bool
	quiet    bool
	ttl      server.Duration
	senders  int
}

func newImportBadger(env *Env) *cobra.Command {
	var f badgerFlags
	cmd := &cobra.Command{
		Use: "jaeger-badger DIR", Short: "Send the spans of a Jaeger badger directory", Args: cobra.ExactArgs(1),
		Long: `Send every span that Jaeger, 1.24 or newer, keeps in badger to a running server. DIR is what
Jaeger calls the directory of values, or the one that holds keys and values. Jaeger must not
be running; the directory is only read.

A span counts as sent once the server has it on disk. With --state a second run goes on where
the first one ended; without, it sends everything again, which the server drops as copies.
--verify then reads every trace back and compares it span by span. Exit code 3 says that
spans could not be decoded, were refused, or are not as they were.`,
		Example: `  pando import jaeger-badger /badger/data --dry-run
  pando import jaeger-badger /badger/data --state import.state --verify
  pando import jaeger-badger /badger/values --keys /badger/keys`,
		RunE: run(func(cmd *cobra.Command, args []string) error { return f.run(cmd, env, args[0]) }),
	}
	f.add(cmd, env)
	flags := cmd.Flags()
	flags.StringVar(&f.keys, "keys", "", "the directory of keys, if it is another")
	flags.BoolVar(&f.dryRun, "dry-run", false, "read and count, send nothing; needs no server")
	flags.TextVar(&f.ttl, "ttl", server.DefaultConfig().Storage.TTL, "the storage.ttl of the server, for --dry-run; 0 is for ever")
	flags.StringVar(&f.state, "state", "", "remember in this file how far it came, and go on there")
	flags.BoolVar(&f.verify, "verify", false, "read everything back and compare")
	flags.StringVar(&f.repairIn, "repair-in", "", "after a crash of Jaeger: repair a copy of DIR in this new directory")
	flags.IntVar(&f.senders, "connections", 4, "requests under way at once")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "no progress on standard error")
	addFormat(cmd, &f.format)
	return cmd
}

func (f *badgerFlags) run(cmd *cobra.Command, env *Env, dir string) (err error) {
	if err := atLeastOne("connections", f.senders); err != nil {
		return err
	}
	s, err := jaegerbadger.Open(jaegerbadger.Options{Values: dir, Keys: f.keys, RepairIn: f.repairIn})
	if err != nil {
		return f.adviseOpen(err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if f.dryRun {
		return f.scan(cmd, env, s)
	}
	return f.send(cmd, env, s)
}

// adviseOpen says what to do about a directory that badger does not open.
func (f *badgerFlags) adviseOpen(err error) error {
	switch {
	case errors.Is(err, jaegerbadger.ErrInUse):
		return withHint(err, "stop Jaeger first; it must not write while it is read")
	case errors.Is(err, jaegerbadger.ErrUnclean):
		return withHint(err, "start Jaeger with the directory once more and stop it with SIGTERM, or\nlet a copy be repaired: --repair-in NEW-DIRECTORY, which takes as much space again")
	case errors.Is(err, jaegerbadger.ErrFormat):
		return withHint(err, "this reads what Jaeger 1.24 and newer have written, with badger 3 and 4")
	case errors.Is(err, jaegerbadger.ErrNoStore):
		return withHint(err, "name the directories of Jaeger's --badger.directory-value (DIR) and --badger.directory-key (--keys)")
	default:
		return err
	}
}

func (f *badgerFlags) scan(cmd *cobra.Command, env *Env, s *jaegerbadger.Store) error {
	p := f.progress(env, "read")
	ttl := time.Duration(f.ttl)
	r, err := jaegerbadger.Scan(cmd.Context(), s, jaegerbadger.ScanOptions{TTL: ttl, Now: time.Now(), Progress: p.show})
	p.end()
	if err != nil {
		return err
	}
	f.warn(env, r.Problems)
	if r.TooOld > 0 {
		f.warn(env, []string{fmt.Sprintf("%d spans are older than storage.ttl %s: the server would refuse them; raise its storage.ttl first", r.TooOld, ttl)})
	}
	if err := listScan(&r).write(cmd.OutOrStdout(), f.format); err != nil {
		return err
	}
	return f.verdict(r.Undecodable+r.TooOld+r.Invalid == 0)
}

func (f *badgerFlags) send(cmd *cobra.Command, env *Env, s *jaegerbadger.Store) error {
	target, err := grpcTarget(f.server)
	if err != nil {
		return err
	}
	to, err := dialSenders(target, f.senders)
	if err != nil {
		return err
	}
	defer to.close()
	p := f.progress(env, "sent")
	r, err := jaegerbadger.Import(cmd.Context(), s, jaegerbadger.ImportOptions{
		Target: target, Senders: f.senders, State: f.state, Progress: p.show,
	}, to)
	p.end()
	if err != nil {
		return f.adviseSend(err)
	}
	if r.Restarted {
		f.warn(env, []string{f.state + " is of other content of the directory: sent everything from the beginning"})
	}
	f.warn(env, r.Problems)
	if r.Refused > 0 {
		f.warn(env, []string{"spans older than the server's storage.ttl are refused: to have them, raise storage.ttl, restart the server, and import again without the state file"})
	}
	var c *jaegerbadger.Comparison
	if f.verify {
		if c, err = f.compare(cmd.Context(), env, s, to); err != nil {
			return f.adviseSend(err)
		}
	}
	if err := listImport(&r, c).write(cmd.OutOrStdout(), f.format); err != nil {
		return err
	}
	return f.verdict(r.Undecodable+r.Refused == 0 && (c == nil || c.OK()))
}

func (f *badgerFlags) compare(ctx context.Context, env *Env, s *jaegerbadger.Store, to *senders) (*jaegerbadger.Comparison, error) {
	p := f.progress(env, "verified")
	c, err := jaegerbadger.Verify(ctx, s, jaegerbadger.VerifyOptions{Readers: f.senders, Progress: p.show}, jaegerbadger.Storage{Conn: to.conns[0]})
	p.end()
	if err != nil {
		return nil, err
	}
	f.warn(env, c.Problems)
	return &c, nil
}

// adviseSend says how to go on after a failure.
func (f *badgerFlags) adviseSend(err error) error {
	switch class := base.ClassOf(err); {
	case class != base.ClassUnavailable && class != base.ClassOverload:
		return err
	case f.state != "":
		return withHint(err, "when the server answers, run the same command again: it goes on where this one ended")
	default:
		return withHint(err, `start one with "pando serve", or name another with --server; --state FILE lets the next run go on where this one ended`)
	}
}

// verdict is the exit code of a run whose problems are printed.
func (f *badgerFlags) verdict(ok bool) error {
	if ok {
		return nil
	}
	return errProblems
}

func (f *badgerFlags) warn(env *Env, lines []string) {
	for _, line := range lines {
		_, _ = fmt.Fprintln(env.Stderr, clean(line)) // the exit code tells, too
	}
}

// grpcTarget returns the host:port of a server that may be given as a URL.
func grpcTarget(address string) (string, error) {
	if !strings.Contains(address, "://") {
		return address, nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return "", base.Errorf(base.ClassInvalid, "server %q: want a host:port or a URL such as http://127.0.0.1:7070", address)
	}
	return u.Host, nil
}

// senders are connections to one server.
type senders struct {
	conns []*grpc.ClientConn
	free  chan *grpc.ClientConn
}

func dialSenders(target string, n int) (*senders, error) {
	s := &senders{free: make(chan *grpc.ClientConn, n)}
	for range n {
		conn, err := load.Dial(target)
		if err != nil {
			s.close()
			return nil, err
		}
		s.conns = append(s.conns, conn)
		s.free <- conn
	}
	return s, nil
}

func (s *senders) close() {
	for _, c := range s.conns {
		_ = c.Close() // nothing is under way any more
	}
}

// Send implements jaegerbadger.Sender.
func (s *senders) Send(ctx context.Context, request []byte) (refused int, reason string, err error) {
	conn := <-s.free // there are as many as there are callers
	defer func() { s.free <- conn }()
	ack, _, err := load.Export(ctx, conn, request)
	return ack.Refused, ack.Reason, err
}

// importDoc is the result of an import; the JSON names are stable.
type importDoc struct {
	Traces       int64      `json:"traces"`
	Spans        int64      `json:"spans"`
	Undecodable  int64      `json:"undecodable"`
	Sent         int64      `json:"sent"`
	Acknowledged int64      `json:"acknowledged"`
	Refused      int64      `json:"refused"`
	Resumed      int64      `json:"resumed"`
	Bytes        int64      `json:"bytes"`
	First        string     `json:"first,omitempty"`
	Last         string     `json:"last,omitempty"`
	Seconds      float64    `json:"seconds"`
	Rate         float64    `json:"spans_per_second"`
	Checksum     string     `json:"checksum"`
	Problems     []string   `json:"problems,omitempty"`
	Verified     *verifyDoc `json:"verified,omitempty"`
}

type verifyDoc struct {
	Equal     int64    `json:"equal"`
	Different int64    `json:"different"`
	Missing   int64    `json:"missing"`
	Extra     int64    `json:"extra"`
	Checksum  string   `json:"checksum"`
	Seconds   float64  `json:"seconds"`
	Problems  []string `json:"problems,omitempty"`
}

func hexSum(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// startsOf returns the range of starts, empty without spans.
func startsOf(c *jaegerbadger.Counts) (first, last string) {
	if c.Spans == 0 {
		return "", ""
	}
	return c.FirstTime().Format(time.RFC3339Nano), c.LastTime().Format(time.RFC3339Nano)
}

func listImport(r *jaegerbadger.Result, c *jaegerbadger.Comparison) *listing {
	first, last := startsOf(&r.Counts)
	doc := importDoc{
		Traces: r.Traces, Spans: r.Spans, Undecodable: r.Undecodable, Sent: r.Sent, Acknowledged: r.Acknowledged(), Refused: r.Refused,
		Resumed: r.Resumed, Bytes: r.Bytes, First: first, Last: last, Seconds: r.Elapsed.Seconds(), Rate: r.SpansPerSecond(),
		Checksum: hexSum(r.Checksum), Problems: r.Problems,
	}
	rows := facts{
		{"traces", count(r.Traces)},
		{"spans", count(r.Spans)},
		{"undecodable", count(r.Undecodable)},
		{"sent", count(r.Sent)},
		{"acknowledged", count(doc.Acknowledged)},
		{"refused", count(r.Refused)},
		{"resumed", count(r.Resumed)},
		{"bytes", count(r.Bytes)},
		{"first", first},
		{"last", last},
		{"seconds", fmt.Sprintf("%.3f", doc.Seconds)},
		{"spans_per_second", fmt.Sprintf("%.0f", doc.Rate)},
		{"checksum", doc.Checksum},
	}
	if c != nil {
		doc.Verified = &verifyDoc{
			Equal: c.Equal, Different: c.Different, Missing: c.Missing, Extra: c.Extra,
			Checksum: hexSum(c.Server), Seconds: c.Elapsed.Seconds(), Problems: c.Problems,
		}
		rows = append(rows, facts{
			{"equal", count(c.Equal)},
			{"different", count(c.Different)},
			{"missing", count(c.Missing)},
			{"extra", count(c.Extra)},
			{"server_checksum", doc.Verified.Checksum},
		}...)
	}
	return rows.list(doc)
}

// scanDoc is the result of a dry run; the JSON names are stable.
type scanDoc struct {
	Traces      int64            `json:"traces"`
	Spans       int64            `json:"spans"`
	Undecodable int64            `json:"undecodable"`
	TooOld      int64            `json:"too_old"`
	Invalid     int64            `json:"invalid"`
	Bytes       int64            `json:"bytes"`
	First       string           `json:"first,omitempty"`
	Last        string           `json:"last,omitempty"`
	Seconds     float64          `json:"seconds"`
	Checksum    string           `json:"checksum"`
	Services    map[string]int64 `json:"services"`
	Problems    []string         `json:"problems,omitempty"`
}

func listScan(r *jaegerbadger.ScanResult) *listing {
	first, last := startsOf(&r.Counts)
	doc := scanDoc{
		Traces: r.Traces, Spans: r.Spans, Undecodable: r.Undecodable, TooOld: r.TooOld, Invalid: r.Invalid, Bytes: r.Bytes,
		First: first, Last: last, Seconds: r.Elapsed.Seconds(), Checksum: hexSum(r.Checksum), Services: r.Services, Problems: r.Problems,
	}
	return facts{
		{"traces", count(r.Traces)},
		{"spans", count(r.Spans)},
		{"services", strconv.Itoa(len(r.Services))},
		{"undecodable", count(r.Undecodable)},
		{"too_old", count(r.TooOld)},
		{"invalid", count(r.Invalid)},
		{"bytes", count(r.Bytes)},
		{"first", first},
		{"last", last},
		{"seconds", fmt.Sprintf("%.3f", doc.Seconds)},
		{"checksum", doc.Checksum},
	}.list(doc)
}

func count(n int64) string { return strconv.FormatInt(n, 10) }

// facts are a result of one row, written down as a column: name and value.
type facts [][]string

func (f facts) list(doc any) *listing {
	return &listing{head: []string{"WHAT", "VALUE"}, human: f, doc: doc, docs: []any{doc}}
}
