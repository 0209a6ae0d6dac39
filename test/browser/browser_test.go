package browser

import (
	"flag"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/gateway/ui"
)

var serveAddr = flag.String("serve", "", "serve the fixture on this address until killed, to look at the page")

// TestBrowser drives the page with a real browser: see page.mjs for the story.
// It needs Node, the packages of package-lock.json and Chromium, which
// `make test` installs.
func TestBrowser(t *testing.T) {
	if os.Getenv("PANDO_SKIP_BROWSER") != "" {
		t.Skip("PANDO_SKIP_BROWSER is set")
	}
	server := httptest.NewServer(newServer(t))
	defer server.Close()
	ctx := t.Context()
	cmd := exec.CommandContext(ctx, "node", "page.mjs", server.URL)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("page.mjs: %v; install what it needs with: npm --prefix test/browser ci && apt-get install chromium", err)
	}
}

// TestServe serves the fixture by hand:
//
//	go test ./test/browser -run TestServe -serve localhost:7300 -timeout 0
func TestServe(t *testing.T) {
	if *serveAddr == "" {
		t.Skip("no -serve address")
	}
	var port net.ListenConfig
	listener, err := port.Listen(t.Context(), "tcp", *serveAddr)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("serving on http://%s", listener.Addr())
	t.Fatal(http.Serve(listener, newServer(t)))
}

// newServer is the page on an empty fixture; a POST to /fixture/fill lets the
// first spans arrive.
func newServer(t *testing.T) http.Handler {
	t.Helper()
	data := newFixture(t, time.Now())
	page, err := ui.New(ui.Options{
		Store: data, Version: "0.1.0-test",
		Endpoints: []ui.Endpoint{
			{Name: "OTLP over gRPC", Protocol: "otlp-grpc", Address: "0.0.0.0:4317"},
			{Name: "OTLP over HTTP", Protocol: "otlp-http", Address: "0.0.0.0:4318"},
			{Name: "Web page and JSON", Protocol: "http", Address: "0.0.0.0:7300"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /fixture/fill", func(http.ResponseWriter, *http.Request) { data.filled.Store(true) })
	mux.Handle("/", page)
	return mux
}
