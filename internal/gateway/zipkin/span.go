package zipkin

import (
	"cmp"
	"math"
	"net/netip"
	"slices"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// span is a span in Zipkin's words, whatever its encoding was. Zero fields are
// those that it does not have.
type span struct {
	traceID     trace.ID
	id          trace.SpanID
	parent      trace.SpanID
	kind        trace.Kind // unspecified, client, server, producer or consumer
	name        string
	micros      uint64 // of the start since the epoch
	duration    uint64 // microseconds
	local       endpoint
	remote      endpoint
	annotations []annotation
	tags        []tag // ascending by key, each once, once settled
	debug       bool
	shared      bool
}

// endpoint is one side of a call. It is comparable.
type endpoint struct {
	service string
	v4, v6  netip.Addr
	port    uint16
}

type annotation struct {
	micros uint64
	value  string
}

type tag struct{ key, value string }

// maxMicros is the last microsecond that Unix nanoseconds can say, in the year
// 2262; also the longest duration.
const maxMicros = math.MaxInt64 / 1000

// reset makes the span empty. Its slices are used again.
func (s *span) reset() { *s = span{annotations: s.annotations[:0], tags: s.tags[:0]} }

// texts makes strings of bytes. Those that are short come once into memory: most
// texts of spans come again.
type texts map[string]string

const (
	maxSharedText  = 64
	maxSharedTexts = 4096
)

func (t texts) of(b []byte) string {
	if len(b) > maxSharedText {
		return string(b)
	}
	s, ok := t[string(b)]
	if !ok {
		if s = string(b); len(t) < maxSharedTexts {
			t[s] = s
		}
	}
	return s
}

// settle brings a span that was decoded into the form that Zipkin's model has:
// tags are a map, in which the last of a key wins, and a span is not its own
// parent. It fails for a span without ids.
func (s *span) settle() error {
	switch {
	case s.traceID.IsZero():
		return base.Errorf(base.ClassInvalid, "the trace id is missing")
	case s.id.IsZero():
		return base.Errorf(base.ClassInvalid, "the span id is missing")
	}
	if s.parent == s.id {
		s.parent = trace.SpanID{}
	}
	s.settleTags()
	return nil
}

func (s *span) settleTags() {
	slices.SortStableFunc(s.tags, func(a, b tag) int { return cmp.Compare(a.key, b.key) })
	last := s.tags[:0]
	for i, t := range s.tags {
		if i+1 < len(s.tags) && s.tags[i+1].key == t.key {
			continue
		}
		last = append(last, t)
	}
	s.tags = last
}

// tag returns the value of a tag of a settled span.
func (s *span) tag(key string) (string, bool) {
	i, ok := slices.BinarySearchFunc(s.tags, key, func(t tag, key string) int { return cmp.Compare(t.key, key) })
	if !ok {
		return "", false
	}
	return s.tags[i].value, true
}

// setIP sets the address of its family. Zipkin's rule: IPv4 in the clothes of
// IPv6 is IPv4.
func (e *endpoint) setIP(ip netip.Addr) {
	switch ip = ip.Unmap().WithZone(""); {
	case ip.Is4():
		e.v4 = ip
	case ip.Is6():
		e.v6 = ip
	}
}

// isZero reports whether the endpoint says nothing.
func (e *endpoint) isZero() bool { return *e == endpoint{} }

// kindNames are the kinds that Zipkin has, by OpenTelemetry's numbers.
var kindNames = [...]string{
	trace.KindServer: "SERVER", trace.KindClient: "CLIENT", trace.KindProducer: "PRODUCER", trace.KindConsumer: "CONSUMER",
}

// kindName returns the name of a kind, empty for those that Zipkin does not have.
func kindName(k trace.Kind) string {
	if k < 0 || int(k) >= len(kindNames) {
		return ""
	}
	return kindNames[k]
}

// parseKind reads the name of a kind.
func parseKind(name []byte) (trace.Kind, error) {
	for k := trace.KindServer; k <= trace.KindConsumer; k++ {
		if string(name) == kindNames[k] {
			return k, nil
		}
	}
	return 0, base.Errorf(base.ClassInvalid, "%.40q: want CLIENT, SERVER, PRODUCER or CONSUMER", name)
}
