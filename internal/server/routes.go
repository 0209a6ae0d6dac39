package server

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/otlp"
	"github.com/pandodb/pando/internal/gateway/zipkin"
	"github.com/pandodb/pando/internal/model/trace"
)

func spanOptions(l *LimitConfig) trace.Options {
	return trace.Options{MaxAttrs: l.SpanAttributes, MaxValueBytes: int(l.AttributeValue)}
}

// routes says which handler answers which path.
func (f *front) routes(ingest *otlp.Gateway, doors *jaegerDoors, page http.Handler) http.Handler {
	m := http.NewServeMux()
	answers := http.NewServeMux()
	doors.query.RegisterHTTP(answers)
	doors.rpc.RegisterHTTP(answers)
	doors.zipkin.RegisterHTTP(answers)
	m.Handle("/sampling", answers)
	m.Handle(zipkin.HealthPath, answers)
	m.Handle("/api/", f.s.markPartial(fallback(answers, page, gzhttp.GzipHandler(answers))))
	m.HandleFunc("GET /api/v1/quarantine", f.serveQuarantine)
	m.Handle("/v1/traces", ingest)
	m.Handle("GET /metrics", promhttp.HandlerFor(f.s.reg, promhttp.HandlerOpts{MaxRequestsInFlight: 8, Timeout: 10 * time.Second}))
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeState(w, nil) })
	m.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { writeState(w, nil) })
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { writeState(w, f.s.node.Ready()) })
	m.Handle("/debug/pprof/", local(http.HandlerFunc(pprof.Index)))
	m.Handle("/debug/pprof/profile", local(http.HandlerFunc(pprof.Profile)))
	m.Handle("/debug/pprof/symbol", local(http.HandlerFunc(pprof.Symbol)))
	m.Handle("/debug/pprof/trace", local(http.HandlerFunc(pprof.Trace)))
	m.Handle("POST /api/admin/flush", local(f.task((*Server).Flush)))
	m.Handle("POST /api/admin/compact", local(f.task((*Server).Compact)))
	m.Handle("POST /api/admin/purge", local(f.task(func(s *Server, ctx context.Context) error { return s.Purge(ctx, false) })))
	m.Handle("POST /api/admin/purge-archive", local(f.task(func(s *Server, ctx context.Context) error { return s.Purge(ctx, true) })))
	m.Handle("/", page)
	for _, signal := range []string{"metrics", "logs"} {
		m.HandleFunc("/v1/"+signal, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "this server takes traces only: set OTEL_"+strings.ToUpper(signal)+"_EXPORTER=none", http.StatusNotFound)
		})
	}
	return f.knownHost(http.NewCrossOriginProtection().Handler(m))
}

// fallback serves requests that mux has a pattern for with h, others with rest.
func fallback(mux *http.ServeMux, rest, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == "" {
			rest.ServeHTTP(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// knownHost refuses requests to a loopback listener under a name that is not this
// machine's: a web page elsewhere may have pointed its own name here to read what
// only local programs should (DNS rebinding).
func (f *front) knownHost(h http.Handler) http.Handler {
	listen, _, err := net.SplitHostPort(f.s.o.Config.Listen)
	if err != nil || !isLoopback(listen) || f.s.o.Config.Insecure {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "" && host != "localhost" && !strings.HasSuffix(host, ".localhost") && net.ParseIP(strings.Trim(host, "[]")) == nil {
			http.Error(w, "this server answers as localhost or by address only: let the proxy send such a Host, or start it with --insecure", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// local refuses requests from other machines, and those a proxy on this one
// passed on for them.
func local(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !fromLoopback(r) || isForwarded(r.Header) {
			http.Error(w, "administration is for this machine only: use a tunnel", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

func isForwarded(h http.Header) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via"} {
		if h.Get(name) != "" {
			return true
		}
	}
	return false
}

// taskTimeout bounds an administration task started over HTTP.
const taskTimeout = time.Hour

// task runs a function of the server and answers when it is done.
func (f *front) task(run func(*Server, context.Context) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), taskTimeout)
		defer cancel()
		writeState(w, run(f.s, ctx))
	})
}

// writeState answers ok, or why not.
func writeState(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	state := map[string]string{"status": "ok"}
	if err != nil {
		code := http.StatusServiceUnavailable
		switch base.ClassOf(err) {
		case base.ClassBug:
			code = http.StatusInternalServerError
		case base.ClassConflict:
			code = http.StatusConflict
		default: // passes, or is reported elsewhere
		}
		w.WriteHeader(code)
		state = map[string]string{"status": "failing", "reason": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(state) // the client is gone if this fails
}
