package cli

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
)

type searchFlags struct {
	client clientFlags
	format string
	q      api.Search
	tags   []string
	since  time.Duration
}

func newTraceSearch(env *Env) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use: "search", Short: "Find traces by service, operation, tags and duration", Args: cobra.NoArgs,
		Long: `Find traces that have a span for which all conditions hold. The newest come first, or with
--slowest those with the longest such span.`,
		Example: `  pando trace search --service checkout --errors
  pando trace search --service frontend --operation "GET /product/{id}" --slowest --since 6h
  pando trace search --tag http.response.status_code=503 --min-duration 250ms -o json`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return f.run(cmd) }),
	}
	f.client.add(cmd, env)
	addFormat(cmd, &f.format)
	flags := cmd.Flags()
	flags.StringVarP(&f.q.Service, "service", "s", "", "name of the service")
	flags.StringVar(&f.q.Operation, "operation", "", "name of the span")
	flags.StringVar(&f.q.Kind, "kind", "", "internal, server, client, producer or consumer")
	flags.StringArrayVarP(&f.tags, "tag", "t", nil, "key=value of an attribute; may be repeated, all must hold")
	flags.BoolVar(&f.q.Errors, "errors", false, "failed spans only")
	flags.DurationVar(&f.q.MinDuration, "min-duration", 0, "least duration of the span")
	flags.DurationVar(&f.q.MaxDuration, "max-duration", 0, "greatest duration of the span")
	flags.DurationVar(&f.since, "since", time.Hour, "look back this far from --end")
	flags.Var(instant{&f.q.Start}, "start", "earliest start of the span, instead of --since")
	flags.Var(instant{&f.q.End}, "end", "end of the time range; default now")
	flags.BoolVar(&f.q.Slowest, "slowest", false, "slowest first, instead of newest")
	flags.IntVarP(&f.q.Limit, "limit", "n", 20, "how many traces, at most 1000")
	cmd.MarkFlagsMutuallyExclusive("since", "start")
	complete(cmd, "kind", "internal", "server", "client", "producer", "consumer")
	f.completeNames(cmd)
	return cmd
}

// completeNames offers what the server knows.
func (f *searchFlags) completeNames(cmd *cobra.Command) {
	offer := func(ask func(*cobra.Command, *api.Client) ([]string, error)) cobra.CompletionFunc {
		return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			c, err := f.client.client()
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			names, err := ask(cmd, c)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
	for flag, ask := range map[string]func(*cobra.Command, *api.Client) ([]string, error){
		"service": func(cmd *cobra.Command, c *api.Client) ([]string, error) { return c.Services(cmd.Context()) },
		"operation": func(cmd *cobra.Command, c *api.Client) ([]string, error) {
			return c.Operations(cmd.Context(), f.q.Service)
		},
	} {
		if err := cmd.RegisterFlagCompletionFunc(flag, offer(ask)); err != nil {
			panic(err) // the flag is misspelt: every run would tell
		}
	}
}

func (f *searchFlags) run(cmd *cobra.Command) error {
	if err := f.finish(time.Now()); err != nil {
		return err
	}
	c, err := f.client.client()
	if err != nil {
		return err
	}
	found, err := c.Search(cmd.Context(), &f.q)
	if err != nil {
		return advise(err)
	}
	return listSummaries(found).write(cmd.OutOrStdout(), f.format)
}

// finish turns the flags into the query.
func (f *searchFlags) finish(now time.Time) error {
	for _, t := range f.tags {
		key, value, ok := strings.Cut(t, "=")
		if !ok || key == "" || strings.ContainsAny(key, " \t\r\n\"") {
			return withHint(base.Errorf(base.ClassInvalid, "tag %q: want key=value", t), "--tag http.route=/cart")
		}
		f.q.Tags = append(f.q.Tags, api.Tag{Key: key, Value: value})
	}
	if err := atLeastOne("limit", f.q.Limit); err != nil {
		return err
	}
	if f.since <= 0 {
		return base.Errorf(base.ClassInvalid, "since %s: want a duration such as 15m or 6h", f.since)
	}
	if f.q.End == 0 {
		f.q.End = now.UnixNano()
	}
	if f.q.Start == 0 {
		f.q.Start = f.q.End - int64(f.since)
	}
	if f.q.Start >= f.q.End {
		return base.Errorf(base.ClassInvalid, "the time range is empty: --start is not before --end")
	}
	return nil
}

func listSummaries(found []api.Summary) *listing {
	if found == nil {
		found = []api.Summary{}
	}
	l := &listing{
		head:    []string{"START", "DURATION", "SPANS", "ERRORS", "TRACE", "ROOT"},
		rawHead: []string{"trace_id", "start_unix_nano", "duration_ns", "spans", "errors", "services", "root_service", "root_operation"},
		doc:     map[string]any{"traces": found},
	}
	for i := range found {
		s := &found[i]
		spans, errs := strconv.Itoa(s.Spans), strconv.Itoa(s.Errors)
		l.human = append(l.human, []string{
			s.Start.Time().Format(timeForm), humanDuration(s.Duration), spans, errs, s.TraceID, s.RootService + ": " + s.RootOperation,
		})
		l.raw = append(l.raw, []string{
			s.TraceID, strconv.FormatInt(int64(s.Start), 10), strconv.FormatInt(s.Duration, 10), spans, errs,
			strconv.Itoa(len(s.Services)), s.RootService, s.RootOperation,
		})
		l.docs = append(l.docs, s)
	}
	if len(found) == 0 {
		l.footer = "no trace matches"
	}
	return l
}
