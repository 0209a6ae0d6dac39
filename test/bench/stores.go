package main

import (
	"context"
	"errors"
	"time"

	"github.com/jaegertracing/jaeger/pandobench"

	"github.com/pandodb/pando/internal/bench"
	"github.com/pandodb/pando/internal/corpus"
	"github.com/pandodb/pando/internal/server"
)

// pando is a server of this repository with its defaults: it acknowledges what
// is synced to the log.
type pando struct {
	*server.Server
	bench.InProcess
}

func openPando(ctx context.Context, dir string) (store, error) {
	c := server.DefaultConfig()
	c.DataDir, c.Listen, c.NoAliases = dir, "127.0.0.1:0", true
	s, err := server.Open(ctx, server.Options{Config: c})
	if err != nil {
		return nil, err
	}
	if err := s.Listen(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return pando{s, bench.InProcess{Traces: s.Traces()}}, nil
}

// Finish implements store.
func (p pando) Finish(ctx context.Context) error { return p.Compact(ctx) }

// jaeger is Jaeger's badger storage with its defaults: it acknowledges what is
// in memory and in a log that is not synced.
type jaeger struct{ *pandobench.Store }

func openBadger(_ context.Context, dir string) (store, error) {
	s, err := pandobench.Open(dir)
	if err != nil {
		return nil, err
	}
	return jaeger{s}, nil
}

// Finish implements store: closing flushes, and there is nothing to merge by
// hand that badger does not do by itself.
func (jaeger) Finish(context.Context) error { return nil }

// Trace implements bench.Target.
func (j jaeger) Trace(ctx context.Context, id corpus.TraceID) (int, error) {
	return j.Store.Trace(ctx, id)
}

// Search implements bench.Target. Badger's storage has no query without a
// service; it has no order by duration either, but nothing stops a user from
// wanting the slowest, so that class gets what Jaeger answers.
func (j jaeger) Search(ctx context.Context, q *corpus.Query) ([]bench.Found, error) {
	if q.Service == "" {
		return nil, bench.ErrRefused
	}
	ask := pandobench.Query{
		Service: q.Service, Operation: q.Operation, Tags: make(map[string]string, len(q.Tags)),
		Start: time.Unix(0, q.Start), End: time.Unix(0, q.End-1),
		Min: time.Duration(q.MinDuration), Max: time.Duration(q.MaxDuration), Limit: q.Limit,
	}
	for _, t := range q.Tags {
		ask.Tags[t.Key] = t.Value.Text()
	}
	found, err := j.Store.Search(ctx, &ask)
	out := make([]bench.Found, len(found))
	for i, f := range found {
		out[i] = bench.Found{ID: f.ID, Spans: f.Spans}
	}
	return out, err
}
