package otlp

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/pandodb/pando/internal/base"
)

const (
	minBody = 16 << 10
	// maxPooledBody is the largest buffer kept for later requests: a batch of the
	// collector's default 8,192 spans fits.
	maxPooledBody = 4 << 20
	// maxUnseen is how much a declared length may reserve before bytes come, as
	// over gRPC: it costs a client nothing to declare, and four that declare the
	// most and send nothing would otherwise take the whole budget. Beyond it
	// buffers double as they fill, mostly inside pooled memory.
	maxUnseen = firstReserve
)

type compression uint8

const (
	identity compression = iota
	compressedGzip
)

// compressionOf returns how the body is compressed, or false when in a way that
// is not supported.
func compressionOf(r *http.Request) (compression, bool) {
	values := r.Header.Values("Content-Encoding")
	if len(values) > 1 {
		return identity, false
	}
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
		return identity, true
	case "gzip", "x-gzip":
		return compressedGzip, true
	default:
		return identity, false
	}
}

// body is a buffer for one request. What it may hold is taken from the budget
// first, also when a pooled buffer has more room.
type body struct {
	g        *Gateway
	buf      []byte // its capacity is reserved
	whole    []byte // the memory of buf, up to its true capacity
	reserved int64
}

func (g *Gateway) newBody() *body { return &body{g: g} }

// release gives memory and budget back. The bytes must not be used any more.
func (b *body) release() {
	if c := cap(b.whole); c > 0 && c <= maxPooledBody {
		whole := b.whole[:0]
		b.g.bodies.Put(&whole)
	}
	b.buf, b.whole = nil, nil
	b.g.inFlight.give(b.reserved)
	b.reserved = 0
}

// grow makes the capacity at least n.
func (b *body) grow(n int) error {
	n = max(n, minBody)
	if n <= cap(b.buf) {
		return nil
	}
	if err := b.reserve(n); err != nil {
		return err
	}
	if b.whole == nil {
		b.whole = *b.g.bodies.Get().(*[]byte)
	}
	if cap(b.whole) < n {
		b.whole = make([]byte, 0, n)
	}
	kept := copy(b.whole[:n], b.buf)
	b.buf = b.whole[:kept:n]
	return nil
}

// reserve raises what the body takes from the budget to n.
func (b *body) reserve(n int) error {
	more := int64(n) - b.reserved
	if more <= 0 {
		return nil
	}
	if err := b.g.inFlight.take(more); err != nil {
		return err
	}
	b.reserved += more
	return nil
}

// readInTime is read, and fails when the body takes longer than
// Options.BodyTimeout to arrive.
func (b *body) readInTime(conn *http.ResponseController, r *http.Request) ([]byte, error) {
	timeout := b.g.opts.BodyTimeout
	// Not every ResponseWriter has a connection to set a deadline on; servers' do.
	_ = conn.SetReadDeadline(time.Now().Add(timeout))
	wire, err := b.read(r)
	switch {
	case timedOut(err):
		// The deadline stays: net/http must not wait for the rest either.
		return nil, base.Errorf(base.ClassUnavailable,
			"body did not arrive within %v: send again, in smaller batches if the network is slow", timeout)
	case err != nil:
		return nil, err
	}
	// Left in place, it would cancel the request while it is being written.
	_ = conn.SetReadDeadline(time.Time{})
	return wire, nil
}

// read returns the request's body, decompressed. Limits are checked against the
// declared length first, and while reading. The bytes are valid until release.
func (b *body) read(r *http.Request) ([]byte, error) {
	o := &b.g.opts
	if r.ContentLength > int64(o.MaxWireBytes) {
		return nil, tooLarge("body of %d bytes exceeds %d bytes", r.ContentLength, o.MaxWireBytes)
	}
	how, _ := compressionOf(r)
	wire := &limitedReader{r: r.Body, left: int64(o.MaxWireBytes), over: tooLarge("body exceeds %d bytes", o.MaxWireBytes)}
	size := int(max(r.ContentLength, 0))
	if how == identity {
		return b.readAll(wire, min(size+1, maxUnseen), min(o.MaxWireBytes, o.MaxRequestBytes))
	}
	// OTLP shrinks to about a fifth; too low a guess costs a copy.
	if err := b.grow(min(5*size, o.MaxRequestBytes, maxUnseen)); err != nil {
		return nil, err
	}
	z, err := openGzip(wire)
	if err != nil {
		return nil, readError(err)
	}
	defer gzipReaders.Put(z)
	return b.readAll(z, minBody, o.MaxRequestBytes)
}

// readAll reads r to its end, at most limit bytes.
func (b *body) readAll(r io.Reader, guess, limit int) ([]byte, error) {
	if err := b.grow(guess); err != nil {
		return nil, err
	}
	for {
		if len(b.buf) == cap(b.buf) {
			if err := b.grow(min(2*cap(b.buf), limit+1)); err != nil {
				return nil, err
			}
		}
		n, err := r.Read(b.buf[len(b.buf):cap(b.buf)])
		b.buf = b.buf[:len(b.buf)+n]
		if len(b.buf) > limit {
			return nil, tooLarge("request exceeds %d bytes after decompression", limit)
		}
		if errors.Is(err, io.EOF) {
			return b.buf, nil
		}
		if err != nil {
			return nil, readError(err)
		}
	}
}

func tooLarge(format string, args ...any) error {
	return base.Errorf(base.ClassTooLarge, "%s: make the exporter's batches smaller, or raise the server's limit",
		fmt.Sprintf(format, args...))
}

// readError gives a class to what reading or inflating a body says.
func readError(err error) error {
	if base.ClassOf(err) != base.ClassBug {
		return err
	}
	return base.Errorf(base.ClassInvalid, "body cannot be read: %w", err)
}

// limitedReader fails with over once more than left bytes came.
type limitedReader struct {
	r    io.Reader
	left int64
	over error
}

func (l *limitedReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.over
	}
	return n, err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

func openGzip(r io.Reader) (*gzip.Reader, error) {
	z := gzipReaders.Get().(*gzip.Reader)
	if err := z.Reset(r); err != nil {
		gzipReaders.Put(z)
		return nil, err
	}
	return z, nil
}

// timedOut reports whether a read met its deadline.
func timedOut(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
