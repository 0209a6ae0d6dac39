package mergepolicy

import "github.com/pandodb/pando/internal/base"

// Part is what the policy knows of a part. Slices of parts are ascending by ID,
// oldest first.
type Part struct {
	ID    base.PartID
	Level int
	Rows  int
	// Busy parts are inputs of a running merge and must not be picked.
	Busy bool
}

// Options bound the picks. The zero value means the defaults.
type Options struct {
	// FanIn is how many parts of a level merge into one of the next; default 8.
	FanIn int
	// MaxRows is the most rows a merged part may have; default 2,000,000. It
	// bounds a merge's time, memory and temporary disk space.
	MaxRows int
}

// MaxLevel is the level of final parts.
const MaxLevel = 2

// Pick is a merge to run.
type Pick struct {
	Inputs []base.PartID // ascending, at least two
	Level  int           // of the output
	Rows   int           // of all inputs
}

func (o Options) withDefaults() Options {
	if o.FanIn <= 0 {
		o.FanIn = 8
	}
	if o.MaxRows <= 0 {
		o.MaxRows = 2_000_000
	}
	return o
}

// Next returns the most useful merge of one segment's parts, or false. A quiet
// segment has seen no write for a while (or the caller wants it compact): then
// everything that fits into final parts is merged.
func Next(parts []Part, o Options, quiet bool) (Pick, bool) {
	o = o.withDefaults()
	for level := range MaxLevel {
		if p, ok := promote(parts, level, o); ok {
			return p, true
		}
	}
	if p, ok := rebalance(parts, o); ok {
		return p, true
	}
	if quiet {
		return longestRun(parts, MaxLevel, o)
	}
	return Pick{}, false
}

// promote merges the oldest run of at least FanIn neighbouring parts of level
// (parts of higher levels between them do not separate neighbours). Fewer do when
// the next one no longer fits and together they are of final size: they would
// never get more.
func promote(parts []Part, level int, o Options) (Pick, bool) {
	pick := Pick{Level: level + 1}
	for _, p := range parts {
		if p.Level != level {
			continue
		}
		if p.Busy || pick.Rows+p.Rows > o.MaxRows {
			if len(pick.Inputs) >= o.FanIn {
				return pick, true
			}
			if pick.Rows+p.Rows > o.MaxRows && 2*pick.Rows >= o.MaxRows && len(pick.Inputs) > 1 {
				pick.Level = MaxLevel
				return pick, true
			}
			pick.Inputs, pick.Rows = pick.Inputs[:0], 0
			if p.Busy || p.Rows > o.MaxRows {
				continue
			}
		}
		pick.Inputs = append(pick.Inputs, p.ID)
		pick.Rows += p.Rows
		if len(pick.Inputs) == 2*o.FanIn {
			return pick, true
		}
	}
	return pick, len(pick.Inputs) >= o.FanIn
}

// rebalance merges FanIn small final parts, none of which is larger than the
// others together, so that each row is rewritten only when its part at least
// doubles.
func rebalance(parts []Part, o Options) (Pick, bool) {
	pick, largest := Pick{Level: MaxLevel}, 0
	for _, p := range parts {
		if p.Level != MaxLevel || p.Busy || 2*p.Rows > o.MaxRows {
			continue
		}
		if pick.Rows+p.Rows > o.MaxRows {
			break
		}
		pick.Inputs = append(pick.Inputs, p.ID)
		pick.Rows += p.Rows
		largest = max(largest, p.Rows)
	}
	return pick, len(pick.Inputs) >= o.FanIn && 2*largest <= pick.Rows
}

// longestRun returns the longest run of idle parts that fits one final part.
func longestRun(parts []Part, level int, o Options) (Pick, bool) {
	var best Pick
	for i := range parts {
		run := Pick{Level: level}
		for _, p := range parts[i:] {
			if p.Busy || run.Rows+p.Rows > o.MaxRows {
				break
			}
			run.Inputs = append(run.Inputs, p.ID)
			run.Rows += p.Rows
		}
		if len(run.Inputs) > len(best.Inputs) {
			best = run
		}
	}
	return best, len(best.Inputs) >= 2
}
