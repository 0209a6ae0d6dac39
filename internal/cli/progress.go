package cli

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/importer/jaegerbadger"
)

// meter shows how far an import has come: on a terminal as a bar that stays in
// its line, elsewhere as lines, rarely.
type meter struct {
	w       io.Writer // nil shows nothing
	bar     bool
	verb    string
	every   time.Duration
	started time.Time
	shown   time.Time
}

func (f *badgerFlags) progress(env *Env, verb string) *meter {
	m := &meter{w: env.Stderr, bar: isTerminal(env.Stderr), verb: verb, every: 5 * time.Second, started: time.Now()}
	m.shown = m.started
	if m.bar {
		m.every = 200 * time.Millisecond
	}
	if f.quiet {
		m.w = nil
	}
	return m
}

// show is a callback of imports.
func (m *meter) show(p jaegerbadger.Progress) {
	now := time.Now()
	if m.w == nil || now.Sub(m.shown) < m.every {
		return
	}
	m.shown = now
	text := meterText(m.verb, p, float64(p.Counts.Spans-p.Resumed)/now.Sub(m.started).Seconds())
	if m.bar {
		text = "\r\x1b[K" + bar(p.Done) + " " + text
	} else {
		text += "\n"
	}
	_, _ = io.WriteString(m.w, text) // progress, for whoever watches
}

// end leaves the bar's line.
func (m *meter) end() {
	if m.w != nil && m.bar {
		_, _ = io.WriteString(m.w, "\r\x1b[K") // progress, for whoever watches
	}
}

func meterText(verb string, p jaegerbadger.Progress, perSecond float64) string {
	return fmt.Sprintf("%3.0f %%  %d spans %s, %.0f/s", 100*p.Done, p.Counts.Spans, verb, perSecond)
}

// bar draws a share of 1 in 30 columns.
func bar(done float64) string {
	const width = 28
	full := min(width, max(0, int(done*width+0.5)))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}
