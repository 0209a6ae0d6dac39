package search

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/model/trace"
)

// fakeStore answers with what the test put in and remembers what it was asked.
type fakeStore struct {
	tops     []columnar.Top
	distinct func(refs []column.Ref) ([]columnar.Tuple, error)
	reads    []columnar.ReadRequest
	err      error
}

func (s *fakeStore) TopKeys(context.Context, *columnar.TopRequest) ([]columnar.Top, error) {
	return s.tops, s.err
}

func (s *fakeStore) TopRows(context.Context, *columnar.TopRowsRequest) (*columnar.RowPage, error) {
	return &columnar.RowPage{}, s.err
}

func (s *fakeStore) ReadKeys(_ context.Context, req *columnar.ReadRequest) ([]*column.Batch, error) {
	s.reads = append(s.reads, *req)
	return nil, s.err
}

func (s *fakeStore) Distinct(_ context.Context, refs []column.Ref) ([]columnar.Tuple, error) {
	return s.distinct(refs)
}

func (s *fakeStore) Digests(context.Context, base.TimeRange, func(*columnar.Digest) error) error {
	return s.err
}

// TestServicesWithoutOperations: services are listed when operations are too many
// to be.
func TestServicesWithoutOperations(t *testing.T) {
	service := func(s string) columnar.Tuple { return columnar.Tuple{column.StringValue(s)} }
	s := &fakeStore{distinct: func(refs []column.Ref) ([]columnar.Tuple, error) {
		if len(refs) > 1 {
			return nil, base.Errorf(base.ClassTooLarge, "too many")
		}
		return []columnar.Tuple{service("b"), service("a"), {}, service("b")}, nil
	}}
	got, err := NewTraces(s, 1).Services(t.Context())
	if err != nil || !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("services %v, %v", got, err)
	}
	if _, err := NewTraces(s, 1).Operations(t.Context(), "a", trace.KindUnspecified); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("operations: %v", err)
	}
}

// TestReadsAreBounded: no answer may hold any number of spans.
func TestReadsAreBounded(t *testing.T) {
	id := trace.ID{1}
	s := &fakeStore{tops: []columnar.Top{{Key: trace.AppendKey(nil, 1, id)}}}
	traces := NewTraces(s, 1)
	q := &Query{Limit: 1, Time: base.TimeRange{Start: 1, End: 2}}
	_, err1 := traces.Find(t.Context(), q)
	_, err2 := traces.Summaries(t.Context(), q)
	_, err3 := traces.Get(t.Context(), Ref{ID: id}, Ref{ID: id})
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if _, err := traces.Span(t.Context(), id, trace.SpanID{1}); base.ClassOf(err) != base.ClassNotFound {
		t.Errorf("a span that is not there: %v", err)
	}
	for i, r := range s.reads {
		if r.MaxRows <= 0 || len(r.Keys) != 1 {
			t.Errorf("read %d of %d keys is bounded to %d rows", i, len(r.Keys), r.MaxRows)
		}
	}
	if len(s.reads) != 4 {
		t.Errorf("%d reads, want 4", len(s.reads))
	}
}

// TestDamagedKey: a key that is no trace's is damage, not an answer.
func TestDamagedKey(t *testing.T) {
	s := &fakeStore{tops: []columnar.Top{{Key: []byte("short")}}}
	_, err := NewTraces(s, 1).FindIDs(t.Context(), &Query{Limit: 1, Time: base.TimeRange{Start: 1, End: 2}})
	if !base.IsCorruption(err) {
		t.Errorf("%v, want a corruption error", err)
	}
}
