package columnar

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

// stress is a tablet that everything happens to at once: one appender, readers
// of every kind, flushes, merges, ticks of a clock that runs, and parts that turn
// out damaged.
type stress struct {
	*harness
	clock   atomic.Int64
	applied atomic.Int64 // rows applied for certain
	lost    atomic.Bool  // a part was set aside: answers may lack rows
}

// stressRow returns the i-th row: rows are unique and newer ones have later times.
func stressRow(i int64, at int64) twinRow {
	return twinRow{
		key: fmt.Sprintf("key-%02d", i%40), time: at, id: uint64(i),
		cols: map[column.ID]column.Value{
			colSize: column.IntValue(i), colName: column.StringValue("n"),
			colDoc:  {Type: column.Doc, Bytes: fmt.Appendf(nil, "svc=s%d", i%5)},
			colUniq: column.StringValue(fmt.Sprint(i)),
		},
	}
}

func (s *stress) append(ctx context.Context) {
	for index := uint64(1); ctx.Err() == nil; index++ {
		rows := make([]twinRow, 1+index%30)
		for i := range rows {
			at := s.clock.Add(int64(testInterval) / 500)
			rows[i] = stressRow(s.applied.Load()+int64(i)+1, at)
		}
		s.tablet.Apply(base.Position{Term: 1, Index: index}, batchOf(rows))
		s.applied.Add(int64(len(rows)))
	}
}

// read checks that a view has what was applied before it was taken and what
// retention still serves: ids without a gap, each once.
func (s *stress) read(ctx context.Context, r *rand.Rand) error {
	before := s.applied.Load()
	whole := !s.lost.Load()
	v, err := s.tablet.View()
	if err != nil {
		return err
	}
	defer v.Close()
	seen := make(map[uint64]int)
	var newest uint64
	err = v.Scan(ctx, &ScanRequest{Time: base.AllTime, Columns: []column.ID{colSize}}, func(b *column.Batch) error {
		for i, id := range b.IDs {
			seen[id]++
			newest = max(newest, id)
			if p, ok := b.Col(colSize).Find(uint32(i)); !ok || b.Col(colSize).Ints[p] != int64(id) {
				return fmt.Errorf("row %d has another's value", id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	whole = whole && len(v.Quarantined()) == 0
	if whole && int64(newest) < before {
		return fmt.Errorf("row %d is the newest seen, %d were applied before", newest, before)
	}
	for id := newest; len(seen) > 0; id-- {
		if n := seen[id]; n != 1 && (whole || n > 1) {
			return fmt.Errorf("row %d came %d times, %d others remain", id, n, len(seen))
		}
		delete(seen, id)
	}
	return s.readOthers(ctx, v, r, newest, whole)
}

// readOthers asks the other questions of the same view.
func (s *stress) readOthers(ctx context.Context, v *View, r *rand.Rand, newest uint64, whole bool) error {
	top, err := v.TopKeys(ctx, &TopRequest{Time: base.AllTime, Limit: 3, By: colSize, Filter: Expr{Op: OpExists, Col: colUniq}})
	if err != nil {
		return err
	}
	if whole && newest > 0 && (len(top) == 0 || top[0].Value != int64(newest)) {
		return fmt.Errorf("top is %v, want row %d", top, newest)
	}
	if err := walkPages(ctx, v, r); err != nil {
		return err
	}
	keys := [][]byte{fmt.Appendf(nil, "key-%02d", r.IntN(40))}
	if _, err := v.ReadKeys(ctx, &ReadRequest{Keys: keys, Time: base.AllTime}); err != nil {
		return err
	}
	_, err = v.Distinct(ctx, []Ref{{Col: colDoc, Tag: "svc"}, {Col: colName}})
	return err
}

// walkPages asks for all keys in pages: no key may come twice, and none too early.
func walkPages(ctx context.Context, v *View, r *rand.Rand) error {
	req := &TopRequest{Time: base.AllTime, Limit: 1 + r.IntN(15), Filter: Expr{Op: OpAnd, Kids: []Expr{
		{Op: OpTest, Col: colUniq, Test: twinTest(2)},
		{Op: OpRows, Rows: twinRows{mod: 2}},
	}}}
	seen := make(map[string]bool)
	for {
		page, err := v.TopKeys(ctx, req)
		if err != nil {
			return err
		}
		for i := range page {
			if seen[string(page[i].Key)] || req.After != nil && CompareTops(*req.After, page[i], 0) >= 0 {
				return fmt.Errorf("key %q came after %v", page[i].Key, req.After)
			}
			seen[string(page[i].Key)], req.After = true, &page[i]
		}
		if len(page) < req.Limit {
			return nil
		}
	}
}

// damage takes a random live part out of service, as a reader that finds it
// damaged does.
func (s *stress) damage(r *rand.Rand) error {
	s.tablet.mu.Lock()
	var ids []base.PartID
	for id := range s.tablet.mu.cur.parts {
		ids = append(ids, id)
	}
	s.tablet.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	s.lost.Store(true)
	return s.tablet.quarantine(ids[r.IntN(len(ids))], base.Corruptionf("part", 0, "said by the test"))
}

// TestStress runs everything at once for a moment; with -race it is the test of
// the locks.
func TestStress(t *testing.T) {
	for _, damaged := range []bool{false, true} {
		t.Run(fmt.Sprintf("damaged=%t", damaged), func(t *testing.T) { runStress(t, damaged) })
	}
}

func runStress(t *testing.T, damaged bool) {
	s := &stress{harness: newHarness(t, 2, column.DropExact)}
	s.close()
	s.clock.Store(testEpoch)
	s.opts.Clock = func() time.Time { return time.Unix(0, s.clock.Load()) }
	s.opts.TTL, s.opts.MemtableBytes, s.opts.FlushAge = 4*testInterval, 32<<10, testInterval/10
	s.opts.Merge.FanIn, s.opts.Merge.MaxRows, s.opts.QuietAfter = 3, 5000, testInterval
	s.open()
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	loop := func(what string, seed uint64, do func(r *rand.Rand) error) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 11))
			for ctx.Err() == nil {
				err := do(r)
				if err != nil && ctx.Err() == nil && (!damaged || !base.IsCorruption(err)) {
					t.Errorf("%s: %v", what, err)
					cancel()
				}
			}
		})
	}
	wg.Go(func() { s.append(ctx) })
	for i := range uint64(2) {
		loop("read", i, func(r *rand.Rand) error { return s.read(ctx, r) })
	}
	loop("flush", 3, func(*rand.Rand) error { return s.tablet.Flush(ctx) })
	loop("compact", 4, func(*rand.Rand) error { return s.tablet.Compact(ctx) })
	loop("tick", 5, func(*rand.Rand) error {
		s.tablet.Tick(s.opts.Clock())
		_, _, _ = s.tablet.Stats(), s.tablet.SafeIndex(), s.tablet.FlushedIndex()
		return nil
	})
	if damaged {
		loop("damage", 6, func(r *rand.Rand) error {
			select {
			case <-time.After(20 * time.Millisecond):
				return s.damage(r)
			case <-ctx.Done():
				return nil
			}
		})
	}
	wg.Wait()
	if s.applied.Load() == 0 {
		t.Error("nothing was applied")
	}
	// What the log would replay behind the manifest completes it.
	if err := errors.Join(s.tablet.Flush(t.Context()), s.tablet.Compact(t.Context())); err != nil && !damaged {
		t.Error(err)
	}
	if err := s.read(t.Context(), s.r); err != nil {
		t.Errorf("at the end: %v", err)
	}
	s.close()
}
