package otlp

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/otlpwire"
)

// TracesPath is where clients expect the HTTP handler.
const TracesPath = "/v1/traces"

// encoding is how the messages of an HTTP exchange are written. The answer uses
// the request's.
type encoding struct {
	contentType string
	marshal     func(proto.Message) ([]byte, error)
	json        bool
}

var (
	encodingProto = encoding{contentType: "application/x-protobuf", marshal: proto.Marshal}
	encodingJSON  = encoding{contentType: "application/json", marshal: protojson.Marshal, json: true}
)

// encodingOf returns the encoding that a Content-Type names.
func encodingOf(contentType string) (encoding, bool) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return encoding{}, false
	}
	switch media {
	case "application/x-protobuf", "application/protobuf":
		return encodingProto, true
	case "application/json":
		return encodingJSON, true
	default:
		return encoding{}, false
	}
}

// ServeHTTP answers POST requests with an ExportTraceServiceRequest in protobuf
// or JSON, plain or compressed with gzip. Mount it at TracesPath.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, fmt.Sprintf("method %s is not allowed: send trace exports with POST", r.Method), http.StatusMethodNotAllowed)
		return
	}
	enc, ok := encodingOf(r.Header.Get("Content-Type"))
	if !ok {
		w.Header().Set("Accept", "application/x-protobuf, application/json")
		http.Error(w, fmt.Sprintf("content type %.100q is not OTLP: send application/x-protobuf or application/json",
			r.Header.Get("Content-Type")), http.StatusUnsupportedMediaType)
		return
	}
	if _, ok := compressionOf(r); !ok {
		w.Header().Set("Accept-Encoding", "gzip, identity")
		http.Error(w, fmt.Sprintf("content encoding %.100q is not supported: send gzip or identity",
			r.Header.Get("Content-Encoding")), http.StatusUnsupportedMediaType)
		return
	}
	out, err := g.receiveHTTP(w, r, enc)
	g.finish(r.Context(), err)
	if err != nil {
		g.writeError(w, enc, err)
		return
	}
	writeMessage(w, enc, http.StatusOK, responseOf(out))
}

func (g *Gateway) receiveHTTP(w http.ResponseWriter, r *http.Request, enc encoding) (outcome, error) {
	b := g.newBody()
	defer b.release()
	wire, err := b.readInTime(http.NewResponseController(w), r)
	if err != nil {
		return outcome{}, err
	}
	if !enc.json {
		return g.export(r.Context(), wire)
	}
	c := g.newBody()
	defer c.release()
	if err := c.grow(len(wire)); err != nil {
		return outcome{}, err
	}
	converted, err := otlpwire.AppendJSON(c.buf, otlpwire.MessageRequest, wire)
	if err != nil {
		return outcome{}, fmt.Errorf("request is not an OTLP/JSON trace export: %w", err)
	}
	return g.export(r.Context(), converted)
}

func (g *Gateway) writeError(w http.ResponseWriter, enc encoding, err error) {
	if delay, ok := g.retryDelay(err); ok {
		seconds := max(1, (delay+time.Second-1)/time.Second)
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
	}
	writeMessage(w, enc, answerTo(err).http, g.grpcStatus(err).Proto())
}

// writeMessage ends the exchange. The client is gone when writing fails, and
// with it whoever could be told.
func writeMessage(w http.ResponseWriter, enc encoding, code int, m proto.Message) {
	body, err := enc.marshal(m)
	if err != nil {
		http.Error(w, "internal error: answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", enc.contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(code)
	_, _ = w.Write(body)
}
