package server

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"time"
)

// prefaceStart begins every HTTP/2 connection with prior knowledge, which on our
// ports means gRPC; no HTTP/1 method begins like that.
var prefaceStart = []byte("PRI ")

const (
	// sniffTimeout is how long a connection may take to say what it speaks.
	sniffTimeout = 10 * time.Second
	// writeTimeout is how long an HTTP client may take to read what one Write
	// sends; gRPC notices dead peers by its keepalive.
	writeTimeout = time.Minute
	// acceptRetry lies between two tries to accept when that fails.
	acceptRetry = 50 * time.Millisecond
	// maxSniffing bounds the connections that have not said it yet.
	maxSniffing = 4096
)

// mux splits the connections of listeners by protocol: measured, a look at four
// bytes leaves gRPC its native speed, where serving it through net/http halves it.
type mux struct {
	grpc *connQueue
	http *connQueue
	slot chan struct{} // one token per connection being sniffed

	wg sync.WaitGroup
	mu struct {
		sync.Mutex
		listeners []net.Listener
		sniffing  map[net.Conn]struct{}
		closed    bool
	}
}

func newMux(addr net.Addr) *mux {
	m := &mux{grpc: newConnQueue(addr), http: newConnQueue(addr), slot: make(chan struct{}, maxSniffing)}
	m.mu.sniffing = make(map[net.Conn]struct{})
	return m
}

// serve accepts from l until close. The mux owns l from now on.
func (m *mux) serve(l net.Listener) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		_ = l.Close() // never used
		return
	}
	m.mu.listeners = append(m.mu.listeners, l)
	m.wg.Go(func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				select { // out of files: others will close theirs
				case <-time.After(acceptRetry):
					continue
				case <-m.grpc.done:
					return
				}
			}
			m.sniff(c)
		}
	})
}

// sniff hands the connection on once its first bytes came.
func (m *mux) sniff(c net.Conn) {
	m.mu.Lock()
	if m.mu.closed {
		m.mu.Unlock()
		_ = c.Close()
		return
	}
	m.mu.sniffing[c] = struct{}{}
	m.mu.Unlock()
	m.slot <- struct{}{}
	m.wg.Go(func() {
		to, head := m.classify(c)
		<-m.slot
		m.mu.Lock()
		delete(m.mu.sniffing, c)
		m.mu.Unlock()
		conn := &headConn{Conn: c, head: head}
		if to == m.http {
			conn.writeTimeout = writeTimeout
		}
		if to == nil || !to.put(conn) {
			_ = c.Close() // said nothing, or we are closing
		}
	})
}

// classify reads the first bytes. A nil queue means that none came in time.
func (m *mux) classify(c net.Conn) (to *connQueue, head []byte) {
	if c.SetReadDeadline(time.Now().Add(sniffTimeout)) != nil {
		return nil, nil
	}
	head = make([]byte, 0, len(prefaceStart))
	for len(head) < len(prefaceStart) {
		n, err := c.Read(head[len(head):cap(head)])
		head = head[:len(head)+n]
		if !bytes.HasPrefix(prefaceStart, head) {
			break // some other protocol: net/http will answer it
		}
		if err != nil {
			return nil, nil
		}
	}
	if c.SetReadDeadline(time.Time{}) != nil {
		return nil, nil
	}
	if bytes.Equal(head, prefaceStart) {
		return m.grpc, head
	}
	return m.http, head
}

// close stops accepting and waits. Connections already handed on live on.
func (m *mux) close() {
	m.mu.Lock()
	m.mu.closed = true
	for _, l := range m.mu.listeners {
		_ = l.Close()
	}
	for c := range m.mu.sniffing {
		_ = c.Close()
	}
	m.mu.Unlock()
	_ = m.grpc.Close()
	_ = m.http.Close()
	m.wg.Wait()
}

// headConn is a connection whose first bytes were read already.
type headConn struct {
	net.Conn
	head         []byte
	writeTimeout time.Duration // zero waits for ever
}

// Write sends p, and fails when the client does not take it in time: a client
// that stopped reading must not hold the answer's memory.
func (c *headConn) Write(p []byte) (int, error) {
	if c.writeTimeout > 0 {
		if err := c.SetWriteDeadline(time.Now().Add(c.writeTimeout)); err != nil {
			return 0, err
		}
	}
	return c.Conn.Write(p)
}

// Read returns the head first.
func (c *headConn) Read(p []byte) (int, error) {
	if len(c.head) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.head)
	c.head = c.head[n:]
	return n, nil
}

// connQueue is a net.Listener fed by the mux.
type connQueue struct {
	addr  net.Addr
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newConnQueue(addr net.Addr) *connQueue {
	return &connQueue{addr: addr, conns: make(chan net.Conn), done: make(chan struct{})}
}

func (q *connQueue) put(c net.Conn) bool {
	select {
	case q.conns <- c:
		return true
	case <-q.done:
		return false
	}
}

// Accept returns the next connection, net.ErrClosed after Close.
func (q *connQueue) Accept() (net.Conn, error) {
	select {
	case c := <-q.conns:
		return c, nil
	case <-q.done:
		return nil, net.ErrClosed
	}
}

// Close ends Accept.
func (q *connQueue) Close() error {
	q.once.Do(func() { close(q.done) })
	return nil
}

// Addr returns the address of the first listener.
func (q *connQueue) Addr() net.Addr { return q.addr }
