package corpus

// settle computes durations bottom up and lets errors climb. A child comes
// after its parent in the list, so one backward pass suffices.
func (d *draft) settle() {
	for i := len(d.spans) - 1; i >= 0; i-- {
		s := &d.spans[i]
		s.duration = s.self + s.cursor + s.forked
		s.cursor = 0
		s.failed = s.failed || d.fails(s.role)
		if s.parent == noParent {
			continue
		}
		p := &d.spans[s.parent]
		if d.sideBySide(s) {
			p.forked = max(p.forked, s.duration)
		} else {
			p.cursor += s.duration
		}
		if s.failed && (s.role == roleServer || d.src.chance(climbChance)) {
			p.failed = true
		}
	}
}

// Errors start at a server or database span; a failed server always fails its
// client, which fails its caller half the time.
const (
	failServerChance = 17 // of 10,000
	failDBChance     = 15
	climbChance      = 5_000
)

func (d *draft) fails(r role) bool {
	switch r {
	case roleServer:
		return d.src.chance(failServerChance)
	case roleDB:
		return d.src.chance(failDBChance)
	default:
		return false
	}
}

// sideBySide reports whether s runs at the same time as its siblings: the
// calls of a parallel operation do.
func (d *draft) sideBySide(s *spanDraft) bool {
	return s.role == roleClient && d.cat.operations[d.spans[s.parent].subject].parallel
}

// place computes starts top down. A parent's own time is cut into one gap per
// child and one at the end; a child starts after a random share of its gap.
// Calls come last among siblings, so those of a parallel operation start
// together but for their share of the gap.
func (d *draft) place() {
	for i := range d.spans {
		s := &d.spans[i]
		if s.parent != noParent {
			p := &d.spans[s.parent]
			s.start = p.cursor + p.self/(p.children+1)*s.lead>>16
			if !d.sideBySide(s) {
				p.cursor = s.start + s.duration
			}
		}
		s.cursor = s.start
	}
}
