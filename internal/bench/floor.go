package bench

import (
	"hash/maphash"
	"math"

	"github.com/pandodb/pando/internal/corpus"
)

// Floor estimates how few bytes per span the corpus can take, whatever the
// format: the entropy of its content under a model that knows, for free, all
// value frequencies given the span's name. It is no proof, since a coder that knew
// the generator would need a seed only; but it is well below what a coder that
// must learn from the data can reach, because the frequencies themselves, all
// indexes, all checksums and the order of arrival are left out.
//
//	ids         128 bits per trace, 64 per span: they are random
//	starts      ns after the parent's start, or after the end of the sibling
//	            before, whichever is cheaper for spans of that name
//	durations   ns, or ns less than the parent's
//	structure   name given the parent's, instance, number of children, kind, status
//	attributes  presence and value given key and name; nothing for a value that
//	            the trace had under this key already
//	events      count, names, times; links: which trace
type Floor struct {
	Spans int         `json:"spans"`
	Items []FloorItem `json:"items"`
}

// FloorItem is one kind of content.
type FloorItem struct {
	Name         string  `json:"name"`
	BytesPerSpan float64 `json:"bytes_per_span"`
}

// BytesPerSpan returns the sum.
func (f *Floor) BytesPerSpan() float64 {
	sum := 0.0
	for _, i := range f.Items {
		sum += i.BytesPerSpan
	}
	return sum
}

// NewFloor reads the whole corpus once, some seconds per million spans.
func NewFloor(c *corpus.Corpus) *Floor {
	m := newFloorModel(c)
	for i := range c.Len() {
		m.addTrace(c.Trace(i))
	}
	return m.floor()
}

type floorModel struct {
	corpus   *corpus.Corpus
	spans    int
	unique   map[string]bool // keys whose values hardly repeat
	services map[*corpus.Resource]uint64

	afterParent, afterSibling *numbers // starts
	length, shortfall         *numbers // durations
	structure                 tally
	presence                  tally
	values                    tally // of keys whose values repeat
	characters                tally // of the others
	eventShape                tally
	eventTimes                *numbers
	links                     float64 // bits

	seed maphash.Seed
	seen map[uint64]bool // hashes of (key, value) in the trace
}

func newFloorModel(c *corpus.Corpus) *floorModel {
	return &floorModel{
		corpus: c, unique: uniqueKeys(c), services: make(map[*corpus.Resource]uint64),
		afterParent: newNumbers(), afterSibling: newNumbers(), length: newNumbers(), shortfall: newNumbers(),
		structure: make(tally), presence: make(tally), values: make(tally), characters: make(tally),
		eventShape: make(tally), eventTimes: newNumbers(),
		seed: maphash.MakeSeed(), seen: make(map[uint64]bool),
	}
}

// uniqueSample is how many traces decide which keys are unique.
const uniqueSample = 2_000

// uniqueKeys returns the keys of which most traces have a value of their own.
func uniqueKeys(c *corpus.Corpus) map[string]bool {
	type seen struct{ traces, distinct int }
	counts := make(map[string]seen)
	global := make(map[corpus.Attr]bool)
	for i := range min(c.Len(), uniqueSample) {
		local := make(map[corpus.Attr]bool)
		eachAttr(c.Trace(i), func(a corpus.Attr) {
			if local[a] {
				return
			}
			local[a] = true
			n := counts[a.Key]
			n.traces++
			if !global[a] {
				global[a] = true
				n.distinct++
			}
			counts[a.Key] = n
		})
	}
	out := make(map[string]bool)
	for key, n := range counts {
		out[key] = n.distinct > 30 && 2*n.distinct > n.traces
	}
	return out
}

func eachAttr(spans []corpus.Span, visit func(corpus.Attr)) {
	for i := range spans {
		for _, a := range spans[i].Attrs {
			visit(a)
		}
		for k := range spans[i].Events {
			for _, a := range spans[i].Events[k].Attrs {
				visit(a)
			}
		}
	}
}

func (m *floorModel) hash(parts ...string) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, p := range parts {
		_, _ = h.WriteString(p) // never fails
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

// context names what a span is: its service and name.
func (m *floorModel) context(s *corpus.Span) uint64 { return m.hash(s.Resource.Service, s.Name) }

func (m *floorModel) addTrace(spans []corpus.Span) {
	clear(m.seen)
	at := make(map[corpus.SpanID]int, len(spans))
	children := make([]uint64, len(spans))
	lastEnd := make([]int64, len(spans)) // of the youngest child so far
	for i := range spans {
		at[spans[i].SpanID] = i
	}
	for i := range spans {
		s := &spans[i]
		parent, ok := at[s.Parent]
		if !ok {
			m.addSpan(s, nil, 0)
			continue
		}
		children[parent]++
		m.addSpan(s, &spans[parent], lastEnd[parent])
		lastEnd[parent] = s.End
	}
	for i := range spans {
		m.structure.add(m.context(&spans[i])+1, children[i])
	}
	m.spans += len(spans)
}

// addSpan adds a span; siblingEnd is zero for a first child.
func (m *floorModel) addSpan(s, parent *corpus.Span, siblingEnd int64) {
	ctx := m.context(s)
	if parent == nil {
		m.structure.add(0, ctx)
		m.length.add(ctx, s.Duration())
		m.shortfall.add(ctx, s.Duration())
		m.structure.add(m.hash(s.Resource.Service, "instance"), m.instance(s))
	} else {
		if siblingEnd == 0 {
			siblingEnd = parent.Start
		}
		m.afterParent.add(ctx, s.Start-parent.Start)
		m.afterSibling.add(ctx, s.Start-siblingEnd)
		m.length.add(ctx, s.Duration())
		m.shortfall.add(ctx, parent.Duration()-s.Duration())
		m.structure.add(m.context(parent), ctx)
		instance := m.instance(s)
		if s.Resource == parent.Resource {
			instance = math.MaxUint64 // the same
		}
		m.structure.add(m.hash(s.Resource.Service, parent.Resource.Service), instance)
	}
	m.structure.add(ctx+2, uint64(s.Kind)<<8|uint64(s.Status))
	m.addAttrs(ctx, s.Attrs)
	for i := range s.Events {
		e := &s.Events[i]
		m.eventTimes.add(0, e.Time-s.Start)
		m.eventShape.add(1, m.hash(e.Name))
		m.addAttrs(m.hash("event", e.Name), e.Attrs)
	}
	m.eventShape.add(0, uint64(len(s.Events)))
	m.links += float64(len(s.Links)) * math.Log2(float64(m.corpus.Len()))
}

func (m *floorModel) instance(s *corpus.Span) uint64 {
	id, ok := m.services[s.Resource]
	if !ok {
		id = uint64(len(m.services))
		m.services[s.Resource] = id
	}
	return id
}

// addAttrs adds the attributes of a span or event; ctx says what it is. Which
// keys it has is one symbol.
func (m *floorModel) addAttrs(ctx uint64, attrs []corpus.Attr) {
	set := uint64(0)
	for _, a := range attrs {
		key := m.hash(a.Key)
		set = set*31 + key
		text := a.Value.Text()
		value := m.hash(a.Key, text)
		if m.seen[value] {
			m.presence.add(ctx^key, 1) // as before: only that it is
			continue
		}
		m.seen[value] = true
		m.presence.add(ctx^key, 0)
		if m.unique[a.Key] {
			m.addText(ctx^key, text)
			continue
		}
		m.values.add(ctx^key, value)
	}
	m.presence.add(ctx, set)
}

// addText adds a text character by character, each given its place and how long
// the text is.
func (m *floorModel) addText(ctx uint64, text string) {
	m.characters.add(ctx, uint64(len(text)))
	for i := range len(text) {
		m.characters.add(ctx+uint64(len(text))<<32+uint64(i)+1, uint64(text[i]))
	}
}

func (m *floorModel) floor() *Floor {
	f := &Floor{Spans: m.spans}
	traces := float64(m.corpus.Len())
	put := func(name string, bits float64) {
		f.Items = append(f.Items, FloorItem{Name: name, BytesPerSpan: bits / 8 / float64(max(m.spans, 1))})
	}
	put("span ids", 64*float64(m.spans))
	put("trace ids", 128*traces)
	put("start times", leastBits(m.afterParent, m.afterSibling)+traces*math.Log2(float64(m.corpus.Config().Spread)))
	put("durations", leastBits(m.length, m.shortfall))
	put("structure", m.structure.bits())
	put("attribute sets", m.presence.bits())
	put("repeated values", m.values.bits())
	put("unique values", m.characters.bits())
	put("events and links", m.eventShape.bits()+leastBits(m.eventTimes)+m.links)
	return f
}
