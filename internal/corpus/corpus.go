package corpus

import (
	"encoding/binary"
	"math/bits"
	"time"
)

// The published load.
const (
	DefaultSeed   = 20260101
	DefaultTraces = 50_000
	DefaultBase   = int64(1_767_225_600_000_000_000) // 2026-01-01T00:00:00Z
)

// Config chooses a corpus. The zero value is the published load.
type Config struct {
	// Seed of everything but Base; zero means DefaultSeed.
	Seed uint64
	// Traces is how many there are; zero means DefaultTraces.
	Traces int
	// Base is the first start time, Unix nanoseconds; zero means DefaultBase.
	// Shifting it moves all times and changes nothing else.
	Base int64
	// Spread is the time over which trace starts are spread evenly; zero
	// means one hour.
	Spread time.Duration
	// RequestSpans is the size of a request; zero means 1,000.
	RequestSpans int
	// InFlight is how many traces are under way at once; zero means 200.
	InFlight int
}

func (cfg Config) withDefaults() Config {
	if cfg.Seed == 0 {
		cfg.Seed = DefaultSeed
	}
	if cfg.Traces <= 0 {
		cfg.Traces = DefaultTraces
	}
	if cfg.Base == 0 {
		cfg.Base = DefaultBase
	}
	if cfg.Spread <= 0 {
		cfg.Spread = time.Hour
	}
	if cfg.RequestSpans <= 0 {
		cfg.RequestSpans = 1000
	}
	if cfg.InFlight <= 0 {
		cfg.InFlight = 200
	}
	return cfg
}

// Corpus is a set of traces, each a pure function of (seed, index). It is
// immutable and safe for concurrent use; it holds the catalogue, not traces.
type Corpus struct {
	cfg Config
	cat *catalogue
}

// New builds the catalogue of the seed, which takes milliseconds.
func New(cfg Config) *Corpus {
	cfg = cfg.withDefaults()
	return &Corpus{cfg: cfg, cat: newCatalogue(cfg.Seed)}
}

// At returns the same corpus with all times shifted to start at base. The
// catalogue is shared.
func (c *Corpus) At(base int64) *Corpus {
	moved := *c
	moved.cfg.Base = base
	return &moved
}

// Config returns the effective configuration.
func (c *Corpus) Config() Config { return c.cfg }

// Len returns the number of traces.
func (c *Corpus) Len() int { return c.cfg.Traces }

// End returns the end of the starts' time range [Config().Base, End).
func (c *Corpus) End() int64 { return c.cfg.Base + int64(c.cfg.Spread) }

// TraceID returns the id of trace index.
func (c *Corpus) TraceID(index int) TraceID {
	_, id := c.open(index)
	return id.trace
}

// identity is what others may know of a trace without drawing all of it.
type identity struct {
	trace TraceID
	root  uint64 // id of the root span
}

// open returns the source of trace index behind its first three draws, which
// are the trace id (two) and the root's span id.
func (c *Corpus) open(index int) (source, identity) {
	var id identity
	src := newSource(c.cfg.Seed, streamTrace, uint64(index))
	binary.BigEndian.PutUint64(id.trace[:8], src.next())
	binary.BigEndian.PutUint64(id.trace[8:], src.next())
	id.root = src.next()
	return src, id
}

// fill draws trace index into d. The fourth draw is its start, uniform in the
// index's slot of the spread, so that starts are ordered by index.
func (c *Corpus) fill(d *draft, index int) {
	src, id := c.open(index)
	low, high := c.slot(index), c.slot(index+1)
	d.cat, d.index, d.id = c.cat, index, id
	d.start = c.cfg.Base + low + int64(src.below(uint64(max(high-low, 1))))
	d.fill(src)
	if d.link.present {
		_, d.link.id = c.open(d.link.target)
	}
}

// slot returns where an index's part of the spread begins: ⌊spread × index /
// traces⌋, in 128-bit arithmetic.
func (c *Corpus) slot(index int) int64 {
	hi, lo := bits.Mul64(uint64(c.cfg.Spread), uint64(index))
	q, _ := bits.Div64(hi, lo, uint64(c.cfg.Traces))
	return int64(q)
}

// Trace returns the decoded spans of trace index, root first, parents before
// children. Index is in [0, Len()); resources and scopes are shared.
func (c *Corpus) Trace(index int) []Span {
	d := new(draft)
	c.fill(d, index)
	spans := make([]Span, len(d.spans))
	for i := range spans {
		d.decode(&spans[i], i)
	}
	return spans
}
