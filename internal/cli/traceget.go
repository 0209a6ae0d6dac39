package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/cli/api"
	"github.com/pandodb/pando/internal/model/trace"
)

func newTraceGet(env *Env) *cobra.Command {
	var client clientFlags
	var format string
	cmd := &cobra.Command{
		Use: "get TRACE-ID", Short: "Print a trace as a tree of spans", Args: cobra.ExactArgs(1),
		Long: `Print a trace as a tree of spans. The id is 1 to 32 hex digits, leading zeros may be left
out. In the table ! marks failed spans and ? those whose parent is not there.`,
		Example: `  pando trace get 4bf92f3577b34da6a3ce929d0e0e4736
  pando trace get 4bf92f3577b34da6a3ce929d0e0e4736 -o json`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			id, err := trace.ParseID(args[0])
			if err != nil {
				return withHint(err, "pando trace search lists ids")
			}
			c, err := client.client()
			if err != nil {
				return err
			}
			t, err := c.Trace(cmd.Context(), id.String())
			if err != nil {
				return advise(err)
			}
			l := listTrace(t)
			return l.write(cmd.OutOrStdout(), format)
		}),
	}
	client.add(cmd, env)
	addFormat(cmd, &format)
	return cmd
}

func listTrace(t *api.Trace) *listing {
	l := &listing{
		head: []string{"OFFSET", "DURATION", "SERVICE", "SPAN"},
		doc:  t,
		title: fmt.Sprintf("trace %s: %d spans, %s, from %s", t.TraceID, len(t.Spans), humanDuration(t.Duration),
			t.Start.Time().Format(timeForm)),
	}
	for i := range t.Spans {
		s := &t.Spans[i]
		l.human = append(l.human, []string{
			humanDuration(int64(s.Start - t.Start)), humanDuration(s.Duration), s.Service,
			strings.Repeat("  ", min(s.Depth, maxIndent)) + s.Name + marks(s),
		})
		l.docs = append(l.docs, s)
	}
	return l.rawSpans(t)
}

// rawSpans adds the form for machines, which has more columns.
func (l *listing) rawSpans(t *api.Trace) *listing {
	l.rawHead = []string{"span_id", "parent_span_id", "depth", "start_unix_nano", "duration_ns", "error", "service", "name"}
	for i := range t.Spans {
		s := &t.Spans[i]
		l.raw = append(l.raw, []string{
			s.SpanID, s.ParentID, strconv.Itoa(s.Depth), strconv.FormatInt(int64(s.Start), 10),
			strconv.FormatInt(s.Duration, 10), strconv.FormatBool(s.Error), s.Service, s.Name,
		})
	}
	return l
}

const (
	// timeForm shows milliseconds: more digits do not help to find a trace.
	timeForm = "2006-01-02T15:04:05.000Z07:00"
	// maxIndent keeps the names of very deep spans on the screen.
	maxIndent = 40
)

func marks(s *api.Span) string {
	out := ""
	if s.Error {
		out += " !"
	}
	if s.Orphan {
		out += " ?"
	}
	return out
}
