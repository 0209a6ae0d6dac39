package columnar

import (
	"context"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/memtable"
	"github.com/pandodb/pando/internal/part"
)

// Digest is what one place, a part or some memtable rows, says about its rows.
type Digest struct {
	Value any // what column.Digest.Decode gave
	// Since is the earliest time that retention still serves; older rows are
	// counted too.
	Since int64
	// Links are the rows in other places that the digest's refs lead to.
	Links []*Links
}

// Links are answers to the refs of a digest, from one place. A ref may have
// several, and answers in several places.
type Links struct {
	Refs   []uint32 // positions among the refs, ascending
	Codes  []uint32 // by answer: the value of column.Digest.Target, in Values
	Values column.Dict
}

// linkReach is how far the rows that refer to each other may lie apart in time
// when they are in different places.
const linkReach = int64(time.Hour)

// Digests calls visit with the digests of all places with rows in the time range,
// one after the other, until it returns an error. Rows that were sent again count in
// every place that has them until a merge drops them. What visit gets is read-only,
// and its to keep; much of it may be made for this call only.
func (v *View) Digests(ctx context.Context, time base.TimeRange, visit func(*Digest) error) error {
	if v.layout.Digest == nil {
		return base.Errorf(base.ClassBug, "layout %s has no digest", v.layout.Name)
	}
	v.tablet.digests.ask(v.tablet.o.Clock())
	time = v.clip(time)
	places := v.places()
	for _, p := range places {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !p.time().Overlaps(time) {
			continue
		}
		d, err := v.digestOf(ctx, p)
		if err != nil {
			return err
		}
		links, err := v.links(ctx, p, d.value, places)
		if err != nil {
			return err
		}
		if err := visit(&Digest{Value: d.value, Since: v.keep.Start, Links: links}); err != nil {
			return err
		}
	}
	return nil
}

// place is a part or, if that is nil, rows of a memtable.
type place struct {
	part *part.Part
	mem  *memPlace
}

func (p place) time() base.TimeRange {
	if p.part != nil {
		return p.part.Meta().Time
	}
	return p.mem.time
}

// places returns where the view's rows are: parts, oldest first, then memtables.
func (v *View) places() []place {
	out := make([]place, 0, len(v.parts)+8)
	for _, p := range v.parts {
		out = append(out, place{part: p})
	}
	for _, m := range v.tablet.mem.of(v) {
		out = append(out, place{mem: m})
	}
	return out
}

func (v *View) digestOf(ctx context.Context, p place) (sizedDigest, error) {
	if p.mem != nil {
		return p.mem.fold(v.layout)
	}
	d, err := v.tablet.digestOfPart(ctx, p.part)
	if err != nil {
		return d, v.damaged(p.part, err)
	}
	return d, nil
}

// memPlace is some consecutive batches of a memtable, sorted together.
type memPlace struct {
	runs []*memtable.Run
	time base.TimeRange
	age  uint64 // greater for those made later, of which the last is soon replaced

	once   sync.Once
	batch  *column.Batch // the digest's columns, sorted
	digest sizedDigest
	err    error
	links  sync.Map // linkKey → *Links
}

// fold returns the digest of the rows. Rows that agree in all that it is made of
// count once.
func (m *memPlace) fold(l *column.Layout) (sizedDigest, error) {
	m.once.Do(func() {
		runs := make([]*memtable.Run, len(m.runs))
		for i, r := range m.runs {
			runs[i] = &memtable.Run{Batch: r.Pick(l.Digest.Columns), Time: r.Time}
		}
		if m.batch, m.err = pickSorted(memtable.Sort(runs, base.AllTime, l.Rule), l.Digest.Columns); m.err != nil {
			return
		}
		f := l.Digest.New()
		if m.err = f.Add(m.batch); m.err == nil {
			m.digest, m.err = decodeDigest(l.Digest, f.Append(nil))
		}
	})
	return m.digest, m.err
}

// memPlaceRows is how many memtable rows are folded together: few enough that
// what came since the last query is folded in some milliseconds.
const memPlaceRows = 16 << 10

// memPlaces remembers the places that memtables were cut into.
type memPlaces struct {
	mu    sync.Mutex
	known map[memKey]*memPlace // of the last view that asked
	made  uint64
}

// memKey names consecutive batches of a memtable.
type memKey struct {
	first, last *memtable.Run
	runs        int
}

// of cuts the view's memtables into places. Each begins anew at a memtable, so
// that a flush leaves the others as they are.
func (c *memPlaces) of(v *View) []*memPlace {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*memPlace
	known := make(map[memKey]*memPlace)
	from := 0
	for _, end := range v.tables {
		for from < end {
			to, rows := from, 0
			for to < end && rows < memPlaceRows {
				rows += v.runs[to].Rows
				to++
			}
			key := memKey{v.runs[from], v.runs[to-1], to - from}
			m := c.known[key]
			if m == nil {
				c.made++
				m = newMemPlace(v.runs[from:to])
				m.age = c.made
			}
			known[key] = m
			out = append(out, m)
			from = to
		}
	}
	c.known = known
	return out
}

// forget drops what was remembered: a memtable is gone.
func (c *memPlaces) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}

func newMemPlace(runs []*memtable.Run) *memPlace {
	m := &memPlace{runs: runs, time: runs[0].Time}
	for _, r := range runs {
		m.time.Start, m.time.End = min(m.time.Start, r.Time.Start), max(m.time.End, r.Time.End)
	}
	return m
}
