package router

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/node"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
)

// Catalog is what the router needs to know of the catalog: the tablets of a
// group, from a cache.
type Catalog interface {
	TabletMap(id catalog.GroupID) (*catalog.TabletMap, error)
}

// Node is where tablets are.
type Node interface {
	Write(ctx context.Context, group base.GroupID, writes []node.TabletBatch) error
	View(ctx context.Context, tablet base.TabletID) (*columnar.View, error)
}

// Group routes to the tablets of one group. It is safe for concurrent use.
type Group struct {
	id      catalog.GroupID
	catalog Catalog
	node    Node
	reads   chan struct{} // a token for every tablet being read
}

const (
	// readsPerCPU is how many tablets are read at once for each CPU: enough to
	// cover waits for the disk, few enough to bound what answers hold in memory.
	readsPerCPU = 8
	// readWait is how long a read waits for its turn before it is refused.
	readWait = 10 * time.Second
)

// NewGroup returns the router of a group.
func NewGroup(id catalog.GroupID, c Catalog, n Node) *Group {
	return &Group{id: id, catalog: c, node: n, reads: make(chan struct{}, readsPerCPU*runtime.GOMAXPROCS(0))}
}

// Write makes the batch durable and returns when it is. Rows of one replication
// group are written atomically; when the batch spans several and one fails, the
// others may have been written, and sending all again is safe for layouts that
// drop exact duplicates. The batch must not change any more.
func (g *Group) Write(ctx context.Context, b *column.Batch) error {
	if b.Rows == 0 {
		return nil
	}
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return err
	}
	perGroup := split(b, m)
	if len(perGroup) == 1 {
		return g.node.Write(ctx, perGroup[0].group, perGroup[0].writes)
	}
	errs := make([]error, len(perGroup))
	var wg sync.WaitGroup
	for i := range perGroup {
		wg.Go(func() { errs[i] = g.node.Write(ctx, perGroup[i].group, perGroup[i].writes) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// groupWrites is what one replication group gets of a batch.
type groupWrites struct {
	group  base.GroupID
	writes []node.TabletBatch
}

// split cuts the batch by tablet and sorts the pieces by replication group.
func split(b *column.Batch, m *catalog.TabletMap) []groupWrites {
	byKey := make([]int32, b.Keys.Len()) // tablet of each distinct key
	for k := range byKey {
		byKey[k] = int32(m.LocateIndex(catalog.PlacementKey(b.Keys.Value(uint32(k)))))
	}
	rows := make([][]uint32, m.Len())
	for r, k := range b.KeyCodes {
		t := byKey[k]
		rows[t] = append(rows[t], uint32(r))
	}
	var out []groupWrites
	for i, list := range rows {
		if len(list) == 0 {
			continue
		}
		piece := b
		if len(list) < b.Rows {
			piece = b.Extract(list)
		}
		t := m.At(i)
		at := slices.IndexFunc(out, func(w groupWrites) bool { return w.group == t.ReplicationGroup })
		if at < 0 {
			at = len(out)
			out = append(out, groupWrites{group: t.ReplicationGroup})
		}
		out[at].writes = append(out[at].writes, node.TabletBatch{Tablet: t.ID, Batch: piece})
	}
	return out
}

// each calls fn with a view of every tablet, at once, and joins the errors. fn
// is called with the tablet's place in key order.
func (g *Group) each(ctx context.Context, fn func(i int, v *columnar.View) error) error {
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return err
	}
	errs := make([]error, m.Len())
	var wg sync.WaitGroup
	for i := range m.Len() {
		wg.Go(func() {
			errs[i] = g.with(ctx, m.At(i).ID, func(v *columnar.View) error { return fn(i, v) })
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (g *Group) with(ctx context.Context, id base.TabletID, fn func(*columnar.View) error) error {
	if err := g.turn(ctx); err != nil {
		return err
	}
	defer func() { <-g.reads }()
	v, err := g.node.View(ctx, id)
	if err != nil {
		return err
	}
	defer v.Close()
	return fn(v)
}

// turn waits for a place among the reads; the caller gives it back.
func (g *Group) turn(ctx context.Context) error {
	select {
	case g.reads <- struct{}{}:
		return nil
	default:
	}
	timer := time.NewTimer(readWait)
	defer timer.Stop()
	select {
	case g.reads <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return base.Retry(time.Second, "too many queries at once: %d reads run and this one waited %v", cap(g.reads), readWait)
	}
}

// TopKeys returns the best keys over all tablets, best first.
func (g *Group) TopKeys(ctx context.Context, req *columnar.TopRequest) ([]columnar.Top, error) {
	if err := req.Validate(); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []columnar.Top
	err := g.each(ctx, func(_ int, v *columnar.View) error {
		tops, err := v.TopKeys(ctx, req)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, tops...)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b columnar.Top) int { return columnar.CompareTops(a, b, req.TieFrom) })
	return all[:min(len(all), req.Limit)], nil
}

// ReadKeys returns the rows of the keys that have any: a batch per key, in no
// order.
func (g *Group) ReadKeys(ctx context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return nil, err
	}
	keys := make([][][]byte, m.Len())
	for _, k := range req.Keys {
		i := m.LocateIndex(catalog.PlacementKey(k))
		keys[i] = append(keys[i], k)
	}
	out := make([][]*column.Batch, m.Len())
	errs := make([]error, m.Len())
	var wg sync.WaitGroup
	for i := range keys {
		if len(keys[i]) == 0 {
			continue
		}
		read := func() {
			part := *req
			part.Keys = keys[i]
			errs[i] = g.with(ctx, m.At(i).ID, func(v *columnar.View) (err error) {
				out[i], err = v.ReadKeys(ctx, &part)
				return err
			})
		}
		if len(keys[i]) == len(req.Keys) {
			read() // all on one tablet: no goroutine needed
			break
		}
		wg.Go(read)
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	joined := slices.Concat(out...)
	rows := 0
	for _, b := range joined {
		rows += b.Rows
	}
	if req.MaxRows > 0 && rows > req.MaxRows { // each tablet kept to it, together they do not
		return nil, columnar.ErrTooManyRows(req.MaxRows)
	}
	return joined, nil
}

// Distinct returns the combinations of the columns' values over all tablets;
// one that several tablets have comes several times.
func (g *Group) Distinct(ctx context.Context, refs []column.Ref) ([]columnar.Tuple, error) {
	var mu sync.Mutex
	var all []columnar.Tuple
	err := g.each(ctx, func(_ int, v *columnar.View) error {
		tuples, err := v.Distinct(ctx, refs)
		mu.Lock()
		defer mu.Unlock()
		all = append(all, tuples...)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// Scan visits all rows of a time range in batches of whole keys, tablet by
// tablet in key order.
func (g *Group) Scan(ctx context.Context, req *columnar.ScanRequest, visit func(*column.Batch) error) error {
	m, err := g.catalog.TabletMap(g.id)
	if err != nil {
		return err
	}
	for i := range m.Len() {
		err := g.with(ctx, m.At(i).ID, func(v *columnar.View) error { return v.Scan(ctx, req, visit) })
		if err != nil {
			return err
		}
	}
	return nil
}
