package trace

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/otlpwire"
)

// maxReasons is how many refused spans are explained; the rest are counted.
const maxReasons = 4

// Rejected tells which spans of a request were refused.
type Rejected struct {
	Count int
	// Reasons explains the first few of them, each naming its span.
	Reasons []string
}

func (b *Builder) reject(s *otlpwire.Span, reason error) {
	b.rejected.Count++
	if len(b.rejected.Reasons) < maxReasons {
		b.rejected.Reasons = append(b.rejected.Reasons, fmt.Sprintf("span %s of trace %s: %v",
			shortHex(s.SpanID), shortHex(s.TraceID), reason))
	}
}

func shortHex(id []byte) string {
	if len(id) > 16 {
		return hex.EncodeToString(id[:16]) + "..."
	}
	if len(id) == 0 {
		return "(none)"
	}
	return hex.EncodeToString(id)
}

// check decides whether the span can be stored, and fills b.pending. A reason
// refuses the span; an error, for bytes that are no message, the request.
func (b *Builder) check(s *otlpwire.Span) (reason, err error) {
	g := &b.group
	switch {
	case g.resourceFault != nil:
		return g.resourceFault, nil
	case g.scopeFault != nil:
		return g.scopeFault, nil
	}
	if reason := b.checkIdentity(s); reason != nil {
		return reason, nil
	}
	if s.Attrs.Count > b.opts.MaxAttrs {
		return base.Errorf(base.ClassTooLarge, "%d attributes, at most %d are stored", s.Attrs.Count, b.opts.MaxAttrs), nil
	}
	if reason := b.checkTexts(s); reason != nil {
		return reason, nil
	}
	if reason, err := b.checkDoc("events", s.Events); reason != nil || err != nil {
		return reason, err
	}
	if reason, err := b.checkDoc("links", s.Links); reason != nil || err != nil {
		return reason, err
	}
	if reason := checkLinkIDs(s.Links); reason != nil {
		return reason, nil
	}
	return b.checkAttrs(s.Attrs.List)
}

func (b *Builder) checkIdentity(s *otlpwire.Span) error {
	switch {
	case len(s.TraceID) != 16 || ID(s.TraceID).IsZero():
		return base.Errorf(base.ClassInvalid, "trace id must be 16 bytes, not all zero")
	case len(s.SpanID) != 8 || SpanID(s.SpanID).IsZero():
		return base.Errorf(base.ClassInvalid, "span id must be 8 bytes, not all zero")
	case len(s.ParentID) != 0 && len(s.ParentID) != 8:
		return base.Errorf(base.ClassInvalid, "parent span id has %d bytes, want none or 8", len(s.ParentID))
	case s.StartNanos <= math.MaxInt64 && b.bounds.Contains(int64(s.StartNanos)):
		return nil
	case s.StartNanos == 0:
		return base.Errorf(base.ClassInvalid, "start time is missing")
	case s.StartNanos <= math.MaxInt64 && int64(s.StartNanos) < b.bounds.Start:
		return base.Errorf(base.ClassTooOld, "start time %s is before %s, the oldest that retention keeps: check the sender's clock and that it counts nanoseconds",
			instant(s.StartNanos), instant(uint64(b.bounds.Start)))
	default:
		return base.Errorf(base.ClassTooOld, "start time %s is too far in the future, which begins at %s: check the sender's clock",
			instant(s.StartNanos), instant(uint64(b.bounds.End)))
	}
}

// instant writes Unix nanoseconds for people: both a clock that is off and a
// wrong unit show in the year.
func instant(nanos uint64) string {
	return time.Unix(int64(nanos/1e9), int64(nanos%1e9)).UTC().Format(time.RFC3339Nano)
}

func (b *Builder) checkTexts(s *otlpwire.Span) error {
	for _, t := range [...]struct {
		name string
		text []byte
	}{{"name", s.Name}, {"trace state", s.TraceState}, {"status message", s.StatusMessage}} {
		if len(t.text) > b.opts.MaxValueBytes {
			return tooLong(t.name, len(t.text), b.opts.MaxValueBytes)
		}
		if !utf8.Valid(t.text) {
			return base.Errorf(base.ClassInvalid, "%s is not valid UTF-8", t.name)
		}
	}
	return nil
}

// checkDoc checks the frames of events or links of a span.
func (b *Builder) checkDoc(name string, doc []byte) (reason, err error) {
	if len(doc) == 0 {
		return nil, nil
	}
	if len(doc) > b.opts.MaxDocBytes {
		return tooLong(name, len(doc), b.opts.MaxDocBytes), nil
	}
	return refusal("", otlpwire.Validate(otlpwire.MessageSpan, doc))
}

// checkLinkIDs refuses ids that a Link cannot hold. The links are well-formed.
func checkLinkIDs(links []byte) error {
	for f := otlpwire.FramesOf(links, otlpwire.FieldLinks); f.Next(); {
		if n := len(last(f.Bytes(), fieldLinkTraceID)); n != 0 && n != 16 {
			return base.Errorf(base.ClassInvalid, "link: trace id has %d bytes, want 16", n)
		}
		if n := len(last(f.Bytes(), fieldLinkSpanID)); n != 0 && n != 8 {
			return base.Errorf(base.ClassInvalid, "link: span id has %d bytes, want 8", n)
		}
	}
	return nil
}

func (b *Builder) checkAttrs(attrs []otlpwire.Attr) (reason, err error) {
	b.pending = b.pending[:0]
	var prev *attrKey
	for i := range attrs {
		a := &attrs[i]
		key := b.attrs.guess(prev, a.Key)
		if key == nil {
			if !utf8.Valid(a.Key) {
				return base.Errorf(base.ClassInvalid, "attribute key %.64q is not valid UTF-8", a.Key), nil
			}
			if len(a.Key) > b.opts.MaxValueBytes {
				return tooLong("attribute key", len(a.Key), b.opts.MaxValueBytes), nil
			}
			if len(a.Key) > 0 && len(a.Key) <= b.opts.MaxKeyBytes {
				key = b.attrs.find(prev, a.Key, b.opts.MaxColumns)
			}
		}
		b.pending = append(b.pending, key)
		if key != nil {
			prev = key
		}
		if reason, err := b.checkValue(a); reason != nil || err != nil {
			return reason, otlpwire.At("attributes", i, otlpwire.At("value", -1, err))
		}
	}
	return nil, nil
}

func (b *Builder) checkValue(a *otlpwire.Attr) (reason, err error) {
	v := &a.Value
	if len(v.Raw) > b.opts.MaxValueBytes {
		return tooLong(fmt.Sprintf("attribute %.64q", a.Key), len(v.Raw), b.opts.MaxValueBytes), nil
	}
	switch v.Kind {
	case otlpwire.ValueString:
		if !utf8.Valid(v.Bytes) {
			return base.Errorf(base.ClassInvalid, "attribute %.64q is not valid UTF-8", a.Key), nil
		}
	case otlpwire.ValueList, otlpwire.ValueMap, otlpwire.ValueRef:
		return refusal(fmt.Sprintf("attribute %.64q", a.Key), otlpwire.Validate(otlpwire.MessageValue, v.Raw))
	default: // any bits will do
	}
	return nil, nil
}

func tooLong(what string, size, limit int) error {
	return base.Errorf(base.ClassTooLarge, "%s has %d bytes, at most %d are stored", what, size, limit)
}

// refusal splits what Validate found: text and depth concern one span, broken
// bytes the request.
func refusal(what string, invalid error) (reason, err error) {
	switch fault, ok := otlpwire.FaultOf(invalid); {
	case !ok:
		return nil, invalid
	case fault == otlpwire.FaultSyntax || fault == otlpwire.FaultWireType:
		return nil, invalid
	case what == "":
		return invalid, nil
	default:
		return base.Errorf(base.ClassInvalid, "%s: %w", what, invalid), nil
	}
}
