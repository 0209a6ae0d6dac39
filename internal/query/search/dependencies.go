package search

import (
	"cmp"
	"context"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// Dependency counts the calls of one service by another.
type Dependency struct {
	Parent string
	Child  string
	Calls  uint64
}

// Dependencies returns who called whom in spans that start in the time range,
// ascending by names. A call is a span whose parent, in the same range, belongs
// to another service.
func (t *Traces) Dependencies(ctx context.Context, time base.TimeRange) ([]Dependency, error) {
	if time.Empty() {
		return nil, base.Errorf(base.ClassInvalid, "time range is empty: start %d is not before end %d", time.Start, time.End)
	}
	calls := callCounter{names: make(map[string]uint32), counts: make(map[[2]uint32]uint64)}
	req := &columnar.ScanRequest{Columns: []column.ID{trace.ColParent, trace.ColResource}, Time: time}
	if err := t.store.Scan(ctx, req, calls.add); err != nil {
		return nil, err
	}
	return calls.dependencies(), nil
}

// callCounter folds batches of whole traces into call counts.
type callCounter struct {
	names   map[string]uint32
	list    []string
	counts  map[[2]uint32]uint64
	service map[uint64]uint32 // scratch: span id → service, of one trace
}

func (c *callCounter) name(doc []byte) uint32 {
	s := trace.ServiceOf(doc)
	id, ok := c.names[string(s)]
	if !ok {
		id = uint32(len(c.list))
		c.names[string(s)] = id
		c.list = append(c.list, string(s))
	}
	return id
}

func (c *callCounter) add(b *column.Batch) error {
	parents, docs := b.Col(trace.ColParent), b.Col(trace.ColResource)
	if parents == nil || docs == nil {
		return nil
	}
	byCode := make([]uint32, docs.Dict.Len())
	for i := range byCode {
		byCode[i] = c.name(docs.Dict.Value(uint32(i)))
	}
	services := make([]uint32, b.Rows)
	none := c.name(nil)
	for i := range services {
		services[i] = none
	}
	for i, code := range docs.Codes {
		row := uint32(i)
		if docs.Rows != nil {
			row = docs.Rows[i]
		}
		services[row] = byCode[code]
	}
	for first := 0; first < b.Rows; {
		end := first + 1
		for end < b.Rows && b.KeyCodes[end] == b.KeyCodes[first] {
			end++
		}
		c.addTrace(b, parents, services, first, end)
		first = end
	}
	return nil
}

// addTrace counts the calls among the rows [first, end) of one trace.
func (c *callCounter) addTrace(b *column.Batch, parents *column.Vector, services []uint32, first, end int) {
	c.service = make(map[uint64]uint32, end-first)
	for r := first; r < end; r++ {
		c.service[b.IDs[r]] = services[r]
	}
	for r := first; r < end; r++ {
		p, ok := parents.Find(uint32(r))
		if !ok {
			continue
		}
		if caller, ok := c.service[uint64(parents.Ints[p])]; ok && caller != services[r] {
			c.counts[[2]uint32{caller, services[r]}]++
		}
	}
}

func (c *callCounter) dependencies() []Dependency {
	out := make([]Dependency, 0, len(c.counts))
	for pair, n := range c.counts {
		out = append(out, Dependency{Parent: c.list[pair[0]], Child: c.list[pair[1]], Calls: n})
	}
	slices.SortFunc(out, func(a, b Dependency) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child))
	})
	return out
}
