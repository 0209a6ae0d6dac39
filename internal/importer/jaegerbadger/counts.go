package jaegerbadger

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/model/trace"
)

const (
	// maxProblems bounds the problems that are told apart.
	maxProblems = 20
	// maxProblem bounds the bytes of one, which may quote what is of any length.
	maxProblem = 1 << 10
)

// Counts is what was found in a directory, and what a server said to it. The
// JSON names are part of the state file's format.
type Counts struct {
	Traces      int64    `json:"traces"`
	Spans       int64    `json:"spans"` // decoded
	Bytes       int64    `json:"bytes"` // of their values
	Undecodable int64    `json:"undecodable"`
	Sent        int64    `json:"sent"`
	Refused     int64    `json:"refused"` // of the sent ones
	First       int64    `json:"first"`   // the earliest start, Unix nanoseconds; zero without spans
	Last        int64    `json:"last"`    // the latest start
	Checksum    uint64   `json:"checksum,string"`
	Problems    []string `json:"problems,omitempty"` // the first few, each once
}

// Acknowledged returns how many spans the server has taken.
func (c *Counts) Acknowledged() int64 { return c.Sent - c.Refused }

// FirstTime returns the earliest start.
func (c *Counts) FirstTime() time.Time { return time.Unix(0, c.First).UTC() }

// LastTime returns the latest start.
func (c *Counts) LastTime() time.Time { return time.Unix(0, c.Last).UTC() }

// add joins what another part of the directory has.
func (c *Counts) add(o *Counts) {
	if o.Spans > 0 {
		if c.Spans == 0 {
			c.First, c.Last = o.First, o.Last
		}
		c.First, c.Last = min(c.First, o.First), max(c.Last, o.Last)
	}
	c.Traces += o.Traces
	c.Spans += o.Spans
	c.Bytes += o.Bytes
	c.Undecodable += o.Undecodable
	c.Sent += o.Sent
	c.Refused += o.Refused
	c.Checksum += o.Checksum
	for _, p := range o.Problems {
		c.problem(p)
	}
}

// span counts a decoded one.
func (c *Counts) span(s *trace.Span, bytes int, sum uint64) {
	start := int64(min(s.StartNanos, math.MaxInt64))
	if c.Spans == 0 {
		c.First, c.Last = start, start
	}
	c.First, c.Last = min(c.First, start), max(c.Last, start)
	c.Spans++
	c.Bytes += int64(bytes)
	c.Checksum += sum
}

// problem remembers a text, cut if it is long, if there are not too many.
func (c *Counts) problem(text string) {
	if len(text) > maxProblem {
		text = strings.ToValidUTF8(text[:maxProblem], "") + "…"
	}
	if len(c.Problems) < maxProblems && !slices.Contains(c.Problems, text) {
		c.Problems = append(c.Problems, text)
	}
}

func (c *Counts) undecodable(key []byte, err error) {
	c.Undecodable++
	rest := ""
	if len(key) > keySize {
		key, rest = key[:keySize], "…"
	}
	c.problem(fmt.Sprintf("entry %x%s: %v", key, rest, err))
}
