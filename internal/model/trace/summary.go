package trace

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/otlpwire"
)

// SummaryColumns are the columns, besides identity, that summaries need.
var SummaryColumns = []column.ID{ColName, ColDuration, ColParent, ColStatus, ColResource}

// Summarizer folds batches of rows into trace summaries. Batches may come in any
// order, from any number of parts and tablets, and hold a span more than once:
// spans that agree in all that a summary sees count once. What cannot be folded
// early (whether a parent is known) is why it keeps 56 bytes per span until
// Summaries. The zero Summarizer is ready; it is not safe for concurrent use.
type Summarizer struct {
	traces map[ID][]spanNote
	texts  interner
}

// spanNote is what a summary needs of one span.
type spanNote struct {
	start, end    uint64 // end is at least start
	id, parent    uint64
	service, name uint32 // codes in texts
	failed        bool
}

func (a spanNote) compare(b spanNote) int {
	failed := func(n spanNote) int {
		if n.failed {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(a.start, b.start), cmp.Compare(a.id, b.id), cmp.Compare(a.parent, b.parent),
		cmp.Compare(a.end, b.end), cmp.Compare(a.service, b.service), cmp.Compare(a.name, b.name),
		cmp.Compare(failed(a), failed(b)),
	)
}

// Add folds the rows of a batch in. Only SummaryColumns are read. It does not
// keep the batch.
func (s *Summarizer) Add(b *column.Batch) error {
	if err := b.Validate(); err != nil {
		return base.Mark(base.ClassCorruption, err)
	}
	if s.traces == nil {
		s.traces = make(map[ID][]spanNote)
	}
	notes := make([]spanNote, b.Rows)
	empty := s.text(nil)
	for i := range notes {
		start := uint64(b.Times[i])
		notes[i] = spanNote{start: start, end: start, id: b.IDs[i], service: empty, name: empty}
	}
	if v := b.Col(ColDuration); v != nil {
		for i, d := range v.Ints {
			n := &notes[rowOf(v, i)]
			n.end = max(n.start, n.start+uint64(d))
		}
	}
	if v := b.Col(ColParent); v != nil {
		for i, p := range v.Ints {
			notes[rowOf(v, i)].parent = uint64(p)
		}
	}
	if v := b.Col(ColStatus); v != nil {
		for i, code := range v.Ints {
			notes[rowOf(v, i)].failed = code == StatusError
		}
	}
	if v := b.Col(ColName); v != nil {
		codes := s.textCodes(v, func(name []byte) []byte { return name })
		for i, c := range v.Codes {
			notes[rowOf(v, i)].name = codes[c]
		}
	}
	if v := b.Col(ColResource); v != nil {
		codes := s.textCodes(v, ServiceOf)
		for i, c := range v.Codes {
			notes[rowOf(v, i)].service = codes[c]
		}
	}
	return s.keep(b, notes)
}

func (s *Summarizer) keep(b *column.Batch, notes []spanNote) error {
	ids := make([]ID, b.Keys.Len())
	for i := range ids {
		_, id, err := ParseKey(b.Keys.Value(uint32(i)))
		if err != nil {
			return base.Mark(base.ClassCorruption, err)
		}
		ids[i] = id
	}
	for lo := 0; lo < len(notes); {
		hi := lo + 1
		for hi < len(notes) && b.KeyCodes[hi] == b.KeyCodes[lo] {
			hi++
		}
		id := ids[b.KeyCodes[lo]]
		s.traces[id] = append(s.traces[id], notes[lo:hi]...)
		lo = hi
	}
	return nil
}

// text returns the code of v in texts, where equal texts have equal codes.
func (s *Summarizer) text(v []byte) uint32 {
	s.texts.seen = 0
	return s.texts.add(v)
}

// textCodes maps the codes that v uses to codes in texts.
func (s *Summarizer) textCodes(v *column.Vector, textOf func([]byte) []byte) []uint32 {
	codes := make([]uint32, v.Dict.Len())
	done := make([]bool, len(codes))
	for _, c := range v.Codes {
		if !done[c] {
			codes[c], done[c] = s.text(textOf(v.Dict.Value(c))), true
		}
	}
	return codes
}

// ServiceOf returns the service.name of a resource document, or nothing when it
// has none that is text. It aliases doc.
func ServiceOf(doc []byte) []byte {
	_, msg, ok := splitGroupDoc(doc)
	if !ok {
		return nil
	}
	var a otlpwire.Attr
	for f := otlpwire.FramesOf(msg, fieldResourceAttrs); f.Next(); {
		if a.Decode(f.Bytes()) != nil {
			return nil
		}
		if string(a.Key) == "service.name" {
			if a.Value.Kind == otlpwire.ValueString {
				return a.Value.Bytes
			}
			return nil
		}
	}
	return nil
}

// Merge folds in what another summarizer gathered. It does not keep other.
func (s *Summarizer) Merge(other *Summarizer) {
	if s.traces == nil {
		s.traces = make(map[ID][]spanNote, len(other.traces))
	}
	codes := make([]uint32, other.texts.dict.Len())
	for c := range codes {
		codes[c] = s.text(other.texts.dict.Value(uint32(c)))
	}
	for id, notes := range other.traces {
		for _, n := range notes {
			n.service, n.name = codes[n.service], codes[n.name]
			s.traces[id] = append(s.traces[id], n)
		}
	}
}

// Summaries returns a summary per trace, ascending by trace id. The summarizer
// may go on to fold more.
func (s *Summarizer) Summaries() []Summary {
	out := make([]Summary, 0, len(s.traces))
	for id, notes := range s.traces {
		slices.SortFunc(notes, spanNote.compare)
		notes = slices.Compact(notes)
		s.traces[id] = notes
		out = append(out, s.summarize(id, notes))
	}
	slices.SortFunc(out, func(a, b Summary) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return out
}

// summarize folds the distinct notes of one trace, ascending by start.
func (s *Summarizer) summarize(id ID, notes []spanNote) Summary {
	sum := Summary{ID: id, StartNanos: notes[0].start, Spans: uint32(len(notes))}
	known := make(map[uint64]struct{}, len(notes))
	for _, n := range notes {
		known[n.id] = struct{}{}
	}
	services := make(map[uint32]*ServiceCount)
	rooted := false
	for _, n := range notes {
		sum.EndNanos = max(sum.EndNanos, n.end)
		service := services[n.service]
		if service == nil {
			service = &ServiceCount{Service: s.textOf(n.service)}
			services[n.service] = service
		}
		service.Spans++
		if n.failed {
			service.Errors++
			sum.Errors++
		}
		_, hasParent := known[n.parent]
		hasParent = hasParent && n.parent != n.id
		if n.parent != 0 && !hasParent {
			sum.Orphans++
		}
		if !hasParent && !rooted {
			rooted, sum.RootService, sum.RootName = true, service.Service, s.textOf(n.name)
		}
	}
	for _, c := range services {
		sum.Services = append(sum.Services, *c)
	}
	slices.SortFunc(sum.Services, func(a, b ServiceCount) int { return cmp.Compare(a.Service, b.Service) })
	return sum
}

func (s *Summarizer) textOf(code uint32) string { return string(s.texts.dict.Value(code)) }

// Summaries folds the batches and returns a summary per trace, ascending by
// trace id.
func Summaries(batches ...*column.Batch) ([]Summary, error) {
	var s Summarizer
	for _, b := range batches {
		if err := s.Add(b); err != nil {
			return nil, err
		}
	}
	return s.Summaries(), nil
}

// Duration returns the trace's time from first start to last end, in
// nanoseconds.
func (s *Summary) Duration() uint64 { return s.EndNanos - s.StartNanos }
