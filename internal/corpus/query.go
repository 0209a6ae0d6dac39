package corpus

// Level tells where a tag is looked for.
type Level uint8

// The levels. LevelAny is what Jaeger's tags mean: attributes of the span, its
// resource, its events or its links.
const (
	LevelAny Level = iota
	LevelSpan
	LevelResource
	LevelEvent
	LevelLink
	LevelScope // keys "name" and "version"
)

// Tag is an equality predicate. Types must agree too: Int(5) is not String("5").
//
// The tag "error" (LevelAny or LevelSpan, Bool) asks for the span's status
// instead: true means StatusError. No attribute has that key.
type Tag struct {
	Level Level
	Key   string
	Value Value
}

// Query asks for traces that have a matching span: one span for which all
// predicates hold. The zero Query matches everything.
type Query struct {
	// TraceID, unless zero, asks for one trace; all else is ignored.
	TraceID TraceID
	// Service and Operation (the span's name); empty matches any.
	Service, Operation string
	// Tags all hold for the same span.
	Tags []Tag
	// Start and End bound the span's start: [Start, End). End zero is no bound.
	Start, End int64
	// MinDuration and MaxDuration bound the span's duration, both inclusive as
	// in the APIs it is compared with. MaxDuration zero is no bound.
	MinDuration, MaxDuration int64
	// Limit is the largest number of traces returned; zero is no limit.
	Limit int
	// Slowest orders by longest matching span instead of newest.
	Slowest bool
	// ByFilter asks the same by a filter expression, where the store has such.
	ByFilter bool
}

// Matches reports whether all span predicates hold for s.
func (q *Query) Matches(s *Span) bool {
	if q.TraceID != (TraceID{}) {
		return s.TraceID == q.TraceID
	}
	if q.Service != "" && s.Resource.Service != q.Service {
		return false
	}
	if q.Operation != "" && s.Name != q.Operation {
		return false
	}
	if !q.inBounds(s.Start, s.Duration()) {
		return false
	}
	for i := range q.Tags {
		if !q.Tags[i].matches(s) {
			return false
		}
	}
	return true
}

func (q *Query) inBounds(start, duration int64) bool {
	return start >= q.Start && (q.End == 0 || start < q.End) &&
		duration >= q.MinDuration && (q.MaxDuration == 0 || duration <= q.MaxDuration)
}

// asksStatus reports whether the tag is the pseudo tag "error".
func (t *Tag) asksStatus() bool { return t.Key == "error" && t.Level <= LevelSpan }

func (t *Tag) matches(s *Span) bool {
	if t.asksStatus() {
		return t.Value == Bool(s.Status == StatusError)
	}
	at := func(level Level) bool { return t.Level == level || t.Level == LevelAny }
	if at(LevelSpan) && t.in(s.Attrs) || at(LevelResource) && t.in(s.Resource.Attrs) {
		return true
	}
	if at(LevelEvent) {
		for i := range s.Events {
			if t.in(s.Events[i].Attrs) {
				return true
			}
		}
	}
	if at(LevelLink) {
		for i := range s.Links {
			if t.in(s.Links[i].Attrs) {
				return true
			}
		}
	}
	return t.Level == LevelScope &&
		(t.Key == "name" && t.Value == String(s.Scope.Name) || t.Key == "version" && t.Value == String(s.Scope.Version))
}

func (t *Tag) in(attrs []Attr) bool {
	for i := range attrs {
		if attrs[i].Key == t.Key && attrs[i].Value == t.Value {
			return true
		}
	}
	return false
}

// Hit is one trace of an answer.
type Hit struct {
	Index    int // of the trace in the corpus
	TraceID  TraceID
	Start    int64 // of the newest matching span
	Duration int64 // of the longest matching span
}
