package router

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// TestTurn lets so many reads run and no more: further ones wait for a place, and
// are refused in the end.
func TestTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGroup(1, nil, nil)
		for range cap(g.reads) {
			if err := g.turn(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		began := time.Now()
		err := g.turn(t.Context())
		if base.ClassOf(err) != base.ClassOverload || time.Since(began) != readWait {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := g.turn(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		go func() { <-g.reads }()
		if err := g.turn(t.Context()); err != nil {
			t.Errorf("a place is free: %v", err)
		}
	})
}
