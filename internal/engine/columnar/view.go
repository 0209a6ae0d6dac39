package columnar

import (
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// View is a tablet at one moment: every row applied before it was taken, each
// once, and none applied later. Its methods are safe for concurrent use. Close
// it when done: it keeps files and memory alive.
type View struct {
	tablet  *Tablet
	layout  *column.Layout
	version *version
	runs    []*memtable.Run // oldest first
	tables  []int           // where each memtable's runs end
	parts   []*part.Part    // ascending by ID
	keep    base.TimeRange  // what retention still serves
}

// View returns the tablet's present rows.
func (t *Tablet) View() (*View, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.closed {
		return nil, t.errClosed()
	}
	// The time is taken with the parts: a segment that was dropped a moment ago
	// must not be missed by a view that still keeps some of its rows.
	now := t.o.Clock()
	v := &View{tablet: t, layout: t.o.Layout, keep: base.TimeRange{Start: t.deadline(now), End: base.AllTime.End}}
	v.version = t.mu.cur
	v.version.refs++
	for _, m := range t.mu.sealed {
		v.runs = append(v.runs, m.View().Runs...)
		v.tables = append(v.tables, len(v.runs))
	}
	v.runs = append(v.runs, t.mu.open.View().Runs...)
	v.tables = append(v.tables, len(v.runs))
	for _, g := range v.version.snap.Segments {
		for _, p := range g.Parts {
			v.parts = append(v.parts, v.version.parts[p.ID])
		}
	}
	slices.SortFunc(v.parts, func(a, b *part.Part) int { return int(a.Meta().ID) - int(b.Meta().ID) })
	return v, nil
}

// Close gives the view's references back.
func (v *View) Close() {
	// What fails here is the removal of files no manifest names: the next start
	// removes them.
	_ = v.tablet.release(v.version)
}

// Quarantined returns the damaged parts that the view's answers lack.
func (v *View) Quarantined() []manifest.Quarantined { return v.version.snap.Quarantined }

// clip cuts a time range at the retention deadline.
func (v *View) clip(r base.TimeRange) base.TimeRange { return r.Intersect(v.keep) }

func (v *View) segment(start int64) (*manifest.Segment, bool) {
	for i := range v.version.snap.Segments {
		if v.version.snap.Segments[i].Start == start {
			return &v.version.snap.Segments[i], true
		}
	}
	return nil, false
}

// damaged sets a part aside when err says that its bytes are damaged. It returns
// err: the query that found the damage must not answer without the part.
func (v *View) damaged(p *part.Part, err error) error {
	if base.IsCorruption(err) {
		// A failure to set it aside is reported by the next query that hits it.
		_ = v.tablet.quarantine(p.Meta().ID, err)
	}
	return err
}
