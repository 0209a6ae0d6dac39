package zipkin

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"strconv"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

// jsonSpans reads the spans of a JSON list, one by one. It is as lenient as
// Zipkin: members that it does not know are skipped, null is absent, integers
// may be quoted, and addresses that are none are left out.
type jsonSpans struct {
	r     *otlpwire.JSONReader
	texts texts
	count int // of spans that were begun
	ended bool
}

func newJSONSpans(body []byte) *jsonSpans {
	return &jsonSpans{r: otlpwire.NewJSONReader(body), texts: make(texts)}
}

// next implements spanReader.
func (d *jsonSpans) next(s *span) (bool, error) {
	if d.ended {
		return false, nil
	}
	if d.count == 0 {
		if err := d.r.Open('['); err != nil {
			return false, fmt.Errorf("want a list of spans: %w", err)
		}
	}
	more, err := d.r.More(d.count == 0, ']')
	if err == nil && !more {
		d.ended = true
		err = d.r.End()
	}
	if err != nil || !more {
		return false, err
	}
	d.count++
	s.reset()
	if err = d.span(s); err == nil {
		err = s.settle()
	}
	if err != nil {
		return false, fmt.Errorf("spans[%d]%w", d.count-1, dotted(err))
	}
	return true, nil
}

// memberError is an error at a member of an object, whose path it carries.
type memberError struct {
	path string // ".localEndpoint.port", "[3].value"
	err  error
}

func (e *memberError) Error() string { return e.path + ": " + e.err.Error() }

func (e *memberError) Unwrap() error { return e.err }

// at prepends a step to the path of an error.
func at(step string, err error) error {
	if err == nil {
		return nil
	}
	if inner, ok := err.(*memberError); ok { //nolint:errorlint // made by this function, never wrapped
		inner.path = step + inner.path
		return inner
	}
	return &memberError{path: step, err: err}
}

// dotted makes an error without a path begin like one with: with what separates
// it from the path before it.
func dotted(err error) error { return at("", err) }

// object reads an object, or null, and gives each member to member, which must
// take its value; the name is valid until then.
func (d *jsonSpans) object(member func(name []byte) error) error {
	if d.r.Literal("null") {
		return nil
	}
	if err := d.r.Open('{'); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := d.r.More(first, '}')
		if err != nil || !more {
			return err
		}
		name, err := d.r.Name()
		if err != nil {
			return err
		}
		if err := member(name); err != nil {
			return err
		}
	}
}

func (d *jsonSpans) span(s *span) error {
	if d.r.Peek() != '{' {
		return d.r.Unexpected("want a span, which is an object")
	}
	return d.object(func(name []byte) error {
		switch string(name) {
		case "traceId":
			return at(".traceId", d.id(func(text string) (err error) { s.traceID, err = trace.ParseID(text); return err }))
		case "id":
			return at(".id", d.id(func(text string) (err error) { s.id, err = trace.ParseSpanID(text); return err }))
		case "parentId":
			return at(".parentId", d.id(func(text string) (err error) { s.parent, err = parseParent(text); return err }))
		case "kind":
			return at(".kind", d.kind(&s.kind))
		case "name":
			return at(".name", d.text(&s.name))
		case "timestamp":
			return at(".timestamp", d.integer(&s.micros, maxMicros))
		case "duration":
			return at(".duration", d.integer(&s.duration, maxMicros))
		case "localEndpoint":
			return at(".localEndpoint", d.endpoint(&s.local))
		case "remoteEndpoint":
			return at(".remoteEndpoint", d.endpoint(&s.remote))
		case "annotations":
			return at(".annotations", d.annotations(s))
		case "tags":
			return at(".tags", d.tags(s))
		case "debug":
			return at(".debug", d.boolean(&s.debug))
		case "shared":
			return at(".shared", d.boolean(&s.shared))
		case "binaryAnnotations":
			return at(".binaryAnnotations", base.Errorf(base.ClassInvalid, "only version 1 of the format has it: send version 2"))
		default:
			return d.r.Skip()
		}
	})
}

// id reads an id, or null.
func (d *jsonSpans) id(parse func(string) error) error {
	var text string
	if err := d.text(&text); err != nil || text == "" {
		return err
	}
	return parse(text)
}

// parseParent reads the id of a parent, of which zero says that there is none.
func parseParent(text string) (trace.SpanID, error) {
	if len(text) <= 16 && len(bytes.Trim([]byte(text), "0")) == 0 {
		return trace.SpanID{}, nil
	}
	return trace.ParseSpanID(text)
}

// text reads a string; null leaves dst as it is.
func (d *jsonSpans) text(dst *string) error {
	if d.r.Literal("null") {
		return nil
	}
	text, err := d.r.Text()
	if err == nil {
		*dst = d.texts.of(text)
	}
	return err
}

func (d *jsonSpans) kind(dst *trace.Kind) error {
	if d.r.Literal("null") {
		return nil
	}
	name, err := d.r.Text()
	if err == nil {
		*dst, err = parseKind(name)
	}
	return err
}

func (d *jsonSpans) boolean(dst *bool) error {
	switch {
	case d.r.Literal("true"):
		*dst = true
	case d.r.Literal("false"):
		*dst = false
	case !d.r.Literal("null"):
		return d.r.Unexpected("want true or false")
	}
	return nil
}

// integer reads an integer from 0 to most, quoted or not; null leaves dst as it
// is. Decimals count if they are whole, as some languages write large integers.
func (d *jsonSpans) integer(dst *uint64, most uint64) error {
	var text []byte
	var err error
	switch d.r.Peek() {
	case 'n':
		if d.r.Literal("null") {
			return nil
		}
		return d.r.Unexpected("want an integer")
	case '"':
		text, err = d.r.Text()
	default:
		text, err = d.r.Number()
	}
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(string(text), 10, 64)
	if err != nil {
		f, floatErr := strconv.ParseFloat(string(text), 64)
		if floatErr == nil && f >= 0 && f < math.MaxInt64 && f == math.Trunc(f) {
			n, err = uint64(f), nil
		}
	}
	if err != nil || n > most {
		return base.Errorf(base.ClassInvalid, "%.40q: want an integer from 0 to %d", text, most)
	}
	*dst = n
	return nil
}

func (d *jsonSpans) endpoint(e *endpoint) error {
	return d.object(func(name []byte) error {
		switch string(name) {
		case "serviceName":
			return at(".serviceName", d.text(&e.service))
		case "ipv4":
			return at(".ipv4", d.ip(e))
		case "ipv6":
			return at(".ipv6", d.ip(e))
		case "port":
			var port uint64
			err := d.integer(&port, math.MaxUint16)
			e.port = uint16(port)
			return at(".port", err)
		default:
			return d.r.Skip()
		}
	})
}

// ip reads an address. The family that the text is of decides, as in Zipkin.
func (d *jsonSpans) ip(e *endpoint) error {
	var text string
	err := d.text(&text)
	if ip, parseErr := netip.ParseAddr(text); parseErr == nil {
		e.setIP(ip)
	}
	return err
}

func (d *jsonSpans) annotations(s *span) error {
	if d.r.Literal("null") {
		return nil
	}
	if err := d.r.Open('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := d.r.More(i == 0, ']')
		if err != nil || !more {
			return err
		}
		var a annotation
		if err := d.annotation(&a); err != nil {
			return at("["+strconv.Itoa(i)+"]", err)
		}
		s.annotations = append(s.annotations, a)
	}
}

func (d *jsonSpans) annotation(a *annotation) error {
	valued := false
	err := d.object(func(name []byte) error {
		switch string(name) {
		case "timestamp":
			return at(".timestamp", d.integer(&a.micros, maxMicros))
		case "value":
			valued = d.r.Peek() == '"'
			return at(".value", d.text(&a.value))
		default:
			return d.r.Skip()
		}
	})
	switch {
	case err != nil:
		return err
	case a.micros == 0:
		return base.Errorf(base.ClassInvalid, "the timestamp is missing")
	case !valued:
		return base.Errorf(base.ClassInvalid, "the value is missing")
	}
	return nil
}

func (d *jsonSpans) tags(s *span) error {
	return d.object(func(name []byte) error {
		key := d.texts.of(name)
		value, err := d.tagValue()
		if err != nil {
			return at("["+strconv.Quote(cut(key))+"]", err)
		}
		s.tags = append(s.tags, tag{key, value})
		return nil
	})
}

// cut shortens a key for a message.
func cut(key string) string { return key[:min(len(key), 40)] }

// tagValue reads the value of a tag: a string. Numbers and truth values, which
// some clients send, are the text that they are written as.
func (d *jsonSpans) tagValue() (string, error) {
	switch c := d.r.Peek(); {
	case c == '"':
		text, err := d.r.Text()
		return d.texts.of(text), err
	case c == '-' || c >= '0' && c <= '9':
		text, err := d.r.Number()
		return d.texts.of(text), err
	case d.r.Literal("true"):
		return "true", nil
	case d.r.Literal("false"):
		return "false", nil
	default:
		return "", d.r.Unexpected("want a string")
	}
}
