package server

import (
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dial returns the client's end of a connection to the listener.
func dial(t *testing.T, l *connQueue) net.Conn {
	t.Helper()
	client, srv := net.Pipe()
	if !l.put(srv) {
		t.Fatal("the listener is closed")
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func newTestMux(t *testing.T) (*mux, *connQueue) {
	t.Helper()
	l := newConnQueue(&net.TCPAddr{})
	m := newMux(l.Addr())
	m.serve(l)
	return m, l
}

// TestClassify: the first bytes decide, however they are cut, and reach who is
// chosen.
func TestClassify(t *testing.T) {
	m, l := newTestMux(t)
	defer m.close()
	f := func(to *connQueue, chunks ...string) {
		t.Helper()
		client := dial(t, l)
		go func() {
			for _, c := range chunks {
				_, _ = io.WriteString(client, c) // the reader reports what is missing
			}
		}()
		c, err := to.Accept()
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join(chunks, "")
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
			t.Errorf("%q arrived as %q, %v", want, got, err)
		}
		_ = c.Close()
	}
	f(m.grpc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "frames")
	f(m.grpc, "P", "R", "I", " ", "* HTTP/2.0")
	f(m.http, "GET / HTTP/1.1\r\n\r\n")
	f(m.http, "P", "OST / HTTP/1.1\r\n")
	f(m.http, "PRI", "VATE / HTTP/1.1\r\n")
	f(m.http, "\x00\xff\x16\x03garbage")
	f(m.http, "x")
}

// TestSilentClient is dropped, and holds up nobody.
func TestSilentClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, l := newTestMux(t)
		defer m.close()
		silent, half := dial(t, l), dial(t, l)
		if _, err := io.WriteString(half, "PR"); err != nil {
			t.Fatal(err)
		}
		busy := dial(t, l)
		go func() { _, _ = io.WriteString(busy, "GET /") }()
		c, err := m.http.Accept()
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for _, conn := range []net.Conn{silent, half} {
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("a silent client reads %v", err)
			}
		}
		if d := time.Since(began); d != sniffTimeout {
			t.Errorf("dropped after %v, want %v", d, sniffTimeout)
		}
		_ = c.Close()
	})
}

// TestCloseWhileSniffing: close ends connections that have not said what they
// speak, and those that nobody accepts any more; it may come twice.
func TestCloseWhileSniffing(t *testing.T) {
	m, l := newTestMux(t)
	var clients []net.Conn
	for range 20 {
		clients = append(clients, dial(t, l))
	}
	if _, err := io.WriteString(clients[0], "GET "); err != nil { // waits for Accept
		t.Fatal(err)
	}
	m.close()
	m.close()
	for _, c := range clients {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a client of a closed server reads something")
		}
	}
	if _, err := m.http.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept after close: %v", err)
	}
	late := newConnQueue(&net.TCPAddr{})
	m.serve(late)
	if _, err := late.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("a closed mux leaves a listener open")
	}
}

// failingListener fails some times before it accepts.
type failingListener struct {
	*connQueue
	mu   sync.Mutex
	left int
}

func (l *failingListener) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.left--
	left := l.left
	l.mu.Unlock()
	if left >= 0 {
		return nil, errors.New("too many open files")
	}
	return l.connQueue.Accept()
}

// TestAcceptFails: a listener that fails for a while is tried again, and close
// does not wait for it.
func TestAcceptFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failingListener{connQueue: newConnQueue(&net.TCPAddr{}), left: 5}
		m := newMux(l.Addr())
		m.serve(l)
		began := time.Now()
		client := dial(t, l.connQueue)
		if d := time.Since(began); d != 5*acceptRetry {
			t.Errorf("accepted after %v, want %v", d, 5*acceptRetry)
		}
		_ = client.Close()
		l.mu.Lock()
		l.left = 1 << 30
		l.mu.Unlock()
		m.close()
	})
}
