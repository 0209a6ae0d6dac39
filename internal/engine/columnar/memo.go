package columnar

import (
	"sync"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/part"
)

// memo remembers what was derived from parts, as long as they are live. Parts are
// immutable, so nothing in it ever changes.
type memo struct {
	mu struct {
		sync.Mutex
		parts map[base.PartID]map[any]any // an entry for every live part
	}
}

// get returns what build made for the part and key, building it at the first
// call. Two first calls at once may both build.
func (m *memo) get(p *part.Part, key any, build func() any) any {
	if v, ok := m.find(p, key); ok {
		return v
	}
	v := build()
	m.put(p, key, v)
	return v
}

func (m *memo) find(p *part.Part, key any) (any, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.mu.parts[p.Meta().ID][key]
	return v, ok
}

// put remembers a value; for a part that is no longer live it does nothing.
func (m *memo) put(p *part.Part, key, value any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if of, ok := m.mu.parts[p.Meta().ID]; ok {
		of[key] = value
	}
}

// keep forgets every part but the live ones.
func (m *memo) keep(live map[base.PartID]*part.Part) {
	m.mu.Lock()
	defer m.mu.Unlock()
	next := make(map[base.PartID]map[any]any, len(live))
	for id := range live {
		if next[id] = m.mu.parts[id]; next[id] == nil {
			next[id] = make(map[any]any)
		}
	}
	m.mu.parts = next
}
