package zipkin

import (
	"context"
	"mime"
	"net/http"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
)

// spanReader reads the spans of a body, one by one.
type spanReader interface {
	// next sets s to the next span, settled, and reports whether there was one.
	// Errors are of class base.ClassInvalid and name the span and the field.
	next(s *span) (bool, error)
}

// convertSpans is how many spans are objects at a time.
const convertSpans = 256

// postSpans stores the spans of a request, and answers with nothing. Zipkin does
// so before it has stored them; here, whoever is told that they were accepted
// finds them. That some were refused is an error; the others are stored.
func (g *Gateway) postSpans(w http.ResponseWriter, r *http.Request) error {
	body, release, err := g.spans.Receive(w, r)
	defer release()
	if err != nil {
		return err
	}
	wire, err := g.convert(body, r.Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	if len(wire) > 0 {
		if err := g.export(r.Context(), wire); err != nil {
			return err
		}
	}
	w.WriteHeader(http.StatusAccepted)
	return nil
}

func (g *Gateway) export(ctx context.Context, wire []byte) error {
	rejected, why, err := g.spans.Export(ctx, wire)
	if err == nil && rejected > 0 {
		err = base.Errorf(base.ClassInvalid, "%s", why)
	}
	return err
}

// convert returns the spans of a body as the wire bytes of an OTLP export. What
// is not called protobuf is JSON, as with Zipkin. An empty body has no spans.
func (g *Gateway) convert(body []byte, contentType string) ([]byte, error) {
	if len(body) == 0 {
		return nil, nil
	}
	var in spanReader = newJSONSpans(body)
	if media, _, err := mime.ParseMediaType(contentType); err == nil && (media == "application/x-protobuf" || media == "application/protobuf") {
		in = newProtoSpans(body)
	}
	return newModeler(g.opts.Clock).export(in, make([]byte, 0, len(body)), g.opts.MaxExportBytes)
}

// export appends all spans as the wire bytes of an OTLP export, at most limit.
func (m *modeler) export(in spanReader, dst []byte, limit int) ([]byte, error) {
	var s span
	spans := make([]trace.Span, 0, convertSpans)
	for {
		more, err := in.next(&s)
		if err != nil {
			return nil, err
		}
		if more {
			spans = append(spans, m.model(&s))
		}
		if !more || len(spans) == convertSpans {
			dst = trace.AppendOTLP(dst, spans)
			spans = spans[:0]
			m.forget()
		}
		if len(dst) > limit {
			return nil, base.Errorf(base.ClassTooLarge, "the spans have more than %d bytes as OTLP: send fewer at a time", limit)
		}
		if !more {
			return dst, nil
		}
	}
}
