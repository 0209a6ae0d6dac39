package otlp

import (
	"net/http"

	"github.com/pandodb/pando/internal/base"
)

// Receive reads the body of a request of another protocol, decompressed, under
// the limits of Options. Its memory counts against what is in flight until
// release is called, after which the bytes must not be used; release is never
// nil. Bodies that arrive broken or compressed otherwise than by gzip are errors
// of class base.ClassInvalid.
func (g *Gateway) Receive(w http.ResponseWriter, r *http.Request) (data []byte, release func(), err error) {
	b := g.newBody()
	if _, ok := compressionOf(r); !ok {
		return nil, b.release, base.Errorf(base.ClassInvalid, "content encoding %.100q is not supported: send gzip or identity",
			r.Header.Get("Content-Encoding"))
	}
	data, err = b.readInTime(http.NewResponseController(w), r)
	return data, b.release, err
}
