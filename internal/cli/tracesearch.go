package cli

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
	"github.com/pandodb/pando/internal/query/expression"
)

// searchFlags are the conditions of a search, for traces or spans.
type searchFlags struct {
	client clientFlags
	format string
	q      api.SpanSearch
	tags   []string
	since  time.Duration
	all    bool
}

func newTraceSearch(env *Env) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use: "search", Short: "Find traces by service, operation, tags, duration, or any filter", Args: cobra.NoArgs,
		Long: `Find traces that have a span for which all conditions hold. The newest come first, or with
--slowest those with the longest such span. --filter takes the language of filters, as text
or as JSON: fields and attributes at any level, joined by and, or and not.`,
		Example: `  pando trace search --service checkout --errors
  pando trace search --service frontend --operation "GET /product/{id}" --slowest --since 6h
  pando trace search --tag http.response.status_code=503 --min-duration 250ms -o json
  pando trace search --filter 'duration > 1s and not (kind = client) and exists db.statement'`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return f.traces(cmd) }),
	}
	f.add(cmd, env)
	cmd.Flags().BoolVar(&f.q.Slowest, "slowest", false, "slowest first, instead of newest")
	return cmd
}

func newTraceSpans(env *Env) *cobra.Command {
	var f searchFlags
	cmd := &cobra.Command{
		Use: "spans", Short: "Find single spans, in any order", Args: cobra.NoArgs,
		Long: `Find the spans for which all conditions hold, instead of the traces that have one: the
newest first, or in the order of --sort.`,
		Example: `  pando trace spans --service checkout --sort duration
  pando trace spans --filter 'some event (event.name = exception)' --since 24h --all -o tsv`,
		RunE: run(func(cmd *cobra.Command, _ []string) error { return f.spans(cmd) }),
	}
	f.add(cmd, env)
	cmd.Flags().StringVar(&f.q.Sort, "sort", "start", "start or duration")
	cmd.Flags().BoolVar(&f.q.Ascending, "ascending", false, "smallest first, instead of greatest")
	complete(cmd, "sort", "start", "duration")
	return cmd
}

// add declares what both commands have.
func (f *searchFlags) add(cmd *cobra.Command, env *Env) {
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
	flags.StringVarP(&f.q.Filter, "filter", "f", "", "filter of spans, as text or JSON")
	flags.DurationVar(&f.since, "since", time.Hour, "look back this far from --end")
	flags.Var(instant{&f.q.Start}, "start", "earliest start of the span, instead of --since")
	flags.Var(instant{&f.q.End}, "end", "end of the time range; default now")
	flags.IntVarP(&f.q.Limit, "limit", "n", 20, "how many, at most 1000")
	flags.BoolVar(&f.all, "all", false, "go on until nothing is left; --limit is then the size of a page")
	cmd.MarkFlagsMutuallyExclusive("since", "start")
	complete(cmd, "kind", "internal", "server", "client", "producer", "consumer")
	f.completeNames(cmd)
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

func (f *searchFlags) traces(cmd *cobra.Command) error {
	found, err := collect(cmd, f, func(ctx context.Context, c *api.Client) ([]api.Summary, string, error) {
		return c.Search(ctx, &f.q.Search)
	})
	if err != nil {
		return err
	}
	return listSummaries(found).write(cmd.OutOrStdout(), f.format)
}

func (f *searchFlags) spans(cmd *cobra.Command) error {
	found, err := collect(cmd, f, func(ctx context.Context, c *api.Client) ([]api.FoundSpan, string, error) {
		return c.SearchSpans(ctx, &f.q)
	})
	if err != nil {
		return err
	}
	return listSpans(found).write(cmd.OutOrStdout(), f.format)
}

// maxCollected bounds what --all gathers before it prints.
const maxCollected = 1_000_000

// collect asks for one page, or with --all for one after the other.
func collect[T any](cmd *cobra.Command, f *searchFlags, ask func(context.Context, *api.Client) ([]T, string, error)) ([]T, error) {
	if err := f.finish(time.Now()); err != nil {
		return nil, err
	}
	c, err := f.client.client()
	if err != nil {
		return nil, err
	}
	found := []T{}
	for {
		page, next, err := ask(cmd.Context(), c)
		if err != nil {
			return nil, advise(err)
		}
		found = append(found, page...)
		if !f.all || next == "" {
			return found, nil
		}
		if len(found) > maxCollected {
			return nil, base.Errorf(base.ClassTooLarge, "more than %d match: narrow the search, or ask for pages of the API", maxCollected)
		}
		f.q.Token = next
	}
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
	if err := f.finishFilter(); err != nil {
		return err
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

// finishFilter checks the filter here, where its author is, and writes JSON as
// text.
func (f *searchFlags) finishFilter() error {
	text := strings.TrimSpace(f.q.Filter)
	if text == "" {
		return nil
	}
	if !strings.HasPrefix(text, "{") {
		_, err := expression.Parse(text)
		return err
	}
	call, err := expression.ParseJSON([]byte(text))
	if err == nil {
		err = call.Validate()
	}
	if err != nil {
		return err
	}
	f.q.Filter = call.String()
	return nil
}

func listSpans(found []api.FoundSpan) *listing {
	l := &listing{
		head:    []string{"START", "DURATION", "STATUS", "TRACE", "SPAN", "NAME"},
		rawHead: []string{"trace_id", "span_id", "start_unix_nano", "duration_ns", "kind", "status", "service", "name"},
		doc:     map[string]any{"spans": found},
	}
	for i := range found {
		s := &found[i]
		l.human = append(l.human, []string{
			s.Start.Time().Format(timeForm), humanDuration(s.Duration), s.StatusCode, s.TraceID, s.SpanID, s.Service + ": " + s.Name,
		})
		l.raw = append(l.raw, []string{
			s.TraceID, s.SpanID, strconv.FormatInt(int64(s.Start), 10), strconv.FormatInt(s.Duration, 10),
			s.Kind, s.StatusCode, s.Service, s.Name,
		})
		l.docs = append(l.docs, s)
	}
	if len(found) == 0 {
		l.footer = "no span matches"
	}
	return l
}

func listSummaries(found []api.Summary) *listing {
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
