package jaeger

import (
	"net/http"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/otlpwire"
)

// legacyTransform answers with the traces of the body, which is OTLP JSON, in
// Jaeger's JSON: Jaeger's page shows files so. They are neither stored nor
// repaired.
func (g *Gateway) legacyTransform(w http.ResponseWriter, r *http.Request) error {
	select {
	case g.transforms <- struct{}{}:
		defer func() { <-g.transforms }()
	default:
		return base.Retry(0, "other files are being transformed: send this one again later")
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	traces, err := tracesOf(body)
	if err != nil {
		return err
	}
	out, enc := newOutput(w), spanEncoder{raw: true}
	out.text(`{"data":[`)
	for i := range traces {
		if i > 0 {
			out.text(",")
		}
		enc.encode(out, &traces[i])
	}
	out.text(`],"total":0,"limit":0,"offset":0,"errors":null}`)
	out.flush()
	return nil
}

// tracesOf reads the traces of an OTLP JSON document, in the order in which they
// first appear.
func tracesOf(doc []byte) ([]trace.Trace, error) {
	wire, err := otlpwire.AppendJSON(nil, otlpwire.MessageRequest, doc)
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "OTLP JSON: %w", err)
	}
	b := trace.NewBuilder(trace.Options{})
	b.Reset(1, base.AllTime) // of some resource: the key is not shown
	if err := b.Add(wire); err != nil {
		return nil, base.Errorf(base.ClassInvalid, "OTLP JSON: %w", err)
	}
	if bad := b.Rejected(); bad.Count > 0 {
		return nil, base.Errorf(base.ClassInvalid, "OTLP JSON: %d spans cannot be shown: %s", bad.Count, bad.Reasons[0])
	}
	spans, err := trace.ReadSpans(b.Finish())
	if err != nil {
		return nil, err
	}
	order, err := orderOf(wire)
	if err != nil {
		return nil, err
	}
	traces := make([]trace.Trace, len(order))
	for i := range spans {
		t := &traces[order[spans[i].TraceID]]
		t.ID = spans[i].TraceID
		t.Spans = append(t.Spans, spans[i])
	}
	return traces, nil
}

// orderOf numbers the traces of a request, which the builder found valid, in the
// order in which they first appear.
func orderOf(wire []byte) (map[trace.ID]int, error) {
	order := make(map[trace.ID]int)
	var span otlpwire.Span
	resources := otlpwire.FramesOf(wire, otlpwire.FieldResourceSpans)
	for resources.Next() {
		scopes := otlpwire.FramesOf(resources.Bytes(), otlpwire.FieldScopeSpans)
		for scopes.Next() {
			spans := otlpwire.FramesOf(scopes.Bytes(), otlpwire.FieldSpans)
			for spans.Next() {
				if err := span.Decode(spans.Bytes()); err != nil {
					return nil, err
				}
				if id := trace.ID(span.TraceID); len(span.TraceID) == len(id) {
					if _, ok := order[id]; !ok {
						order[id] = len(order)
					}
				}
			}
		}
	}
	return order, nil
}
