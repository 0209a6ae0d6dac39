package meta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

const (
	// defaultMaxGroups and defaultMaxResources keep the catalog's memory within
	// about 50 MB: measured 140 bytes a resource without a spec, 3.6 KiB a group.
	defaultMaxGroups    = 4096
	defaultMaxResources = 200_000
	// reloadDelay is the wait before the store is read anew after a watch broke.
	reloadDelay = 100 * time.Millisecond
)

// Options configures a Catalog.
type Options struct {
	// Store keeps the catalog. Required; the caller closes it after the catalog.
	Store Store
	// Logger takes what a human must know. Nil discards it.
	Logger *slog.Logger
	// MaxGroups bounds the groups; creating more is refused as too large. Zero
	// is 4096.
	MaxGroups int
	// MaxResources bounds the resources of all groups together. Zero is 200,000.
	MaxResources int
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxGroups <= 0 {
		o.MaxGroups = defaultMaxGroups
	}
	if o.MaxResources <= 0 {
		o.MaxResources = defaultMaxResources
	}
	return o
}

// Catalog reads and writes what users declared and where it lives. Its methods
// are safe for concurrent use.
type Catalog struct {
	opts Options
	view atomic.Pointer[View]
	stop context.CancelFunc
	wg   sync.WaitGroup // the follower

	// writing serialises this process's writes, so that a plan made on the view
	// cannot be overtaken by another of ours.
	writing sync.Mutex
	// fence is the revision of the leader's key while this catalog leads, or
	// zero. Guarded by writing.
	fence uint64
	// written is the revision of the last transaction. Guarded by writing.
	written uint64

	mu struct {
		sync.Mutex
		news chan struct{} // closed when the view or err changes
		err  error         // why the view will not move any more
	}
}

// Open loads the catalog and keeps its view current until Close. The new
// catalog only reads; see [Catalog.Lead]. A damaged value is a corruption
// error: the caller must not start without a sound catalog.
func Open(ctx context.Context, o Options) (*Catalog, error) {
	c := &Catalog{opts: o.withDefaults()}
	c.mu.news = make(chan struct{})
	if err := c.load(ctx); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	ctx, c.stop = context.WithCancel(context.Background())
	c.wg.Go(func() { c.follow(ctx) })
	return c, nil
}

// Close ends the following of the store; waiting calls return unavailable. The
// last view stays readable. Close does not close the store.
func (c *Catalog) Close() {
	c.stop()
	c.wg.Wait()
}

// View returns the current view. It is a pointer load.
func (c *Catalog) View() *View { return c.view.Load() }

// TabletMap implements TabletMapper on the current view.
func (c *Catalog) TabletMap(id catalog.GroupID) (*catalog.TabletMap, error) {
	return c.View().TabletMap(id)
}

// Wait returns the first view it sees of at least the revision. To follow
// changes, call it with one more than the revision of the view last seen. It
// fails with ctx's error as unavailable, with the damage that stopped the view,
// or with ErrClosed.
func (c *Catalog) Wait(ctx context.Context, revision uint64) (*View, error) {
	for {
		c.mu.Lock()
		news, err := c.mu.news, c.mu.err
		c.mu.Unlock()
		// The view is published before the news: loading it now misses nothing.
		if v := c.View(); v.revision >= revision {
			return v, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, base.Errorf(base.ClassUnavailable, "wait for catalog revision %d: %w", revision, context.Cause(ctx))
		}
	}
}

// stopped returns why the view does not move any more, or nil.
func (c *Catalog) stopped() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.err
}

// load replaces the view by what the store holds now.
func (c *Catalog) load(ctx context.Context) error {
	entries, revision, err := c.opts.Store.List(ctx, keyRoot)
	if err != nil {
		return err
	}
	return c.advance(new(View), entries, revision)
}

// advance publishes the view that follows v by the entries. An error is marked
// errUnsound.
func (c *Catalog) advance(v *View, entries []Entry, revision uint64) error {
	next, err := v.apply(entries, revision)
	if err != nil {
		return &unsoundError{err}
	}
	c.publish(next, nil)
	return nil
}

// publish makes v current, if not nil, and err the reason that the view stops,
// if not nil, and wakes who waits.
func (c *Catalog) publish(v *View, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v != nil {
		c.view.Store(v)
	}
	c.mu.err = err
	close(c.mu.news)
	c.mu.news = make(chan struct{})
}

// follow applies the store's changes until ctx or the store ends. A broken watch
// is begun anew; an unsound value stops the view where it is.
func (c *Catalog) follow(ctx context.Context) {
	for {
		err := c.opts.Store.Watch(ctx, keyRoot, c.View().revision, func(change Change) error {
			return c.advance(c.View(), change.Entries, change.Revision)
		})
		if errors.Is(err, ErrCompacted) {
			err = c.load(ctx)
		}
		switch {
		case err == nil:
			continue
		case ctx.Err() != nil || errors.Is(err, ErrClosed):
			c.publish(nil, ErrClosed)
			return
		case errors.Is(err, errUnsound):
			c.opts.Logger.Error("catalog stopped", slog.Any("err", err), slog.Uint64("revision", c.View().revision))
			c.publish(nil, err)
			return
		}
		c.opts.Logger.Warn("catalog watch broke", slog.Any("err", err))
		select {
		case <-time.After(reloadDelay):
		case <-ctx.Done():
		}
	}
}

// errUnsound marks what no repetition of the watch can cure.
var errUnsound = errors.New("unsound catalog")

// unsoundError keeps the text and class of an error and adds the mark.
type unsoundError struct{ error }

// Unwrap returns the error and the mark.
func (u *unsoundError) Unwrap() []error { return []error{u.error, errUnsound} }
