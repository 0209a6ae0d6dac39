package jobs

import (
	"context"
	"fmt"
)

// Kind is what a job does. It is part of a job's identity, gives the default
// priority and labels metrics.
type Kind uint8

// The kinds. Zero is invalid. The numbers are not persisted.
const (
	// Flush turns memtables into parts and frees their memory and log.
	Flush Kind = 1 + iota
	// MergeSmall merges parts small enough to finish in about a second.
	MergeSmall
	// MergeLarge merges parts that may take minutes.
	MergeLarge
	// Retention drops segments past their time to live.
	Retention
	// Checkpoint writes what bounds log replay.
	Checkpoint
	// Move ships a tablet's files to another node.
	Move
	// Scrub reads cold files to find damage.
	Scrub

	kindEnd
)

var kindNames = [kindEnd]string{
	Flush: "flush", MergeSmall: "merge_small", MergeLarge: "merge_large", Retention: "retention",
	Checkpoint: "checkpoint", Move: "move", Scrub: "scrub",
}

// String returns the kind's name for logs and metrics.
func (k Kind) String() string {
	if !k.valid() {
		return fmt.Sprintf("kind(%d)", uint8(k))
	}
	return kindNames[k]
}

func (k Kind) valid() bool { return k > 0 && k < kindEnd }

// Priority orders waiting jobs; the lower number goes first.
type Priority uint8

// The priorities. Zero in a Job means its kind's own.
const (
	Urgent Priority = 1 + iota
	High
	Normal
	Low

	priorityEnd
)

var kindPriorities = [kindEnd]Priority{
	Flush: Urgent, MergeSmall: High, MergeLarge: Normal, Retention: Low,
	Checkpoint: Urgent, Move: Normal, Scrub: Low,
}

// Job is one piece of background work.
type Job struct {
	Kind Kind
	// Key tells jobs of one kind and scope apart, a segment for example. It may
	// be empty.
	Key string
	// Priority of zero is the kind's default. A disk that runs full may raise
	// retention, for example.
	Priority Priority
	// CostBytes estimates what the job will write. It counts against
	// Options.MaxRunningBytes and shows in Stats as debt. It may be zero.
	CostBytes int64
	// Run does the work and returns promptly once ctx ends. It decides when it
	// starts what there is to do: a submission may have been folded into an
	// earlier one. It may submit further jobs but must not close its scope.
	Run func(ctx context.Context) error
}

// identity is what deduplication compares.
type identity struct {
	scope *Scope
	kind  Kind
	key   string
}

// entry is a job in the queue or running. Its priority may be raised while it
// waits; err is written before done is closed; all else is fixed at submission.
type entry struct {
	Job
	id       identity
	queuedAt int64 // monotonic nanoseconds since the pool's start
	done     chan struct{}
	err      error
}
