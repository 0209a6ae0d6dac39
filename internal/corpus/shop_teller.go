package corpus

import (
	"strconv"
	"strings"
	"time"
)

// teller plays one trace as if it were running: it has a clock, and a stack of
// open spans, the last of which is the parent of the next.
type teller struct {
	shop      *Shop
	src       source
	now       int64
	failing   bool // the planted fault is live
	trace     TraceID
	instances [shopServices]int
	user      uint64
	session   uint64
	spans     []Span
	open      []openSpan
}

type openSpan struct {
	index   int // in spans
	service int
}

// work lets time pass: log-normal around the median, ln-sigma 0.35.
func (t *teller) work(median time.Duration) {
	t.now += max(t.src.lognormal(int64(median), 33_000), 1)
}

// begin opens a span of the service under the innermost open one.
func (t *teller) begin(service int, kind Kind, lib library, name string) {
	var parent SpanID
	flags := uint32(flagsLocal)
	if n := len(t.open); n > 0 {
		parent = t.top().SpanID
	}
	if kind == KindServer || kind == KindConsumer {
		flags = flagsRemote
	}
	s := &t.shop.services[service]
	resources := s.resources
	if t.failing && service == svcRecommendation {
		resources = s.next
	}
	t.spans = append(t.spans, Span{
		TraceID: t.trace, SpanID: spanID(t.src.next()), Parent: parent, Flags: flags,
		Name: name, Kind: kind, Start: t.now,
		Resource: &resources[t.instances[service]], Scope: &s.scopes[lib],
	})
	t.open = append(t.open, openSpan{len(t.spans) - 1, service})
}

// end closes the innermost open span.
func (t *teller) end() {
	t.top().End = t.now
	t.open = t.open[:len(t.open)-1]
}

// top returns the innermost open span, valid until the next begin.
func (t *teller) top() *Span { return &t.spans[t.open[len(t.open)-1].index] }

func (t *teller) service() int { return t.open[len(t.open)-1].service }

func (t *teller) set(key string, v Value) {
	s := t.top()
	s.Attrs = append(s.Attrs, Attr{key, v})
}

func (t *teller) event(name string, attrs ...Attr) {
	s := t.top()
	s.Events = append(s.Events, Event{Time: t.now, Name: name, Attrs: attrs})
}

// fail marks the innermost open span as failed.
func (t *teller) fail(class, message string) {
	s := t.top()
	s.Status, s.StatusMessage = StatusError, message
	t.set("error.type", String(class))
}

// throw is fail with an exception event.
func (t *teller) throw(class, message string) {
	t.fail(class, message)
	name := t.shop.services[t.service()].name
	stack := class + ": " + message + "\n    at " + name + ".Handler.handle(handler:118)\n    at " +
		name + ".Server.dispatch(server:64)\n    at runtime.main(main:21)"
	t.event("exception", Attr{"exception.type", String(class)},
		Attr{"exception.message", String(message)}, Attr{"exception.stacktrace", String(stack)})
}

// visit plays a root span: an HTTP request to the front door. The body returns
// the status code.
func (t *teller) visit(method, route, path string, body func() int64) {
	t.begin(svcFrontend, KindServer, libHTTP, method+" "+route)
	t.set("http.request.method", String(method))
	t.set("http.route", String(route))
	t.set("url.path", String(path))
	t.set("url.scheme", String("https"))
	t.set("server.address", String("www.shop.example"))
	t.set("user_agent.original", String(browsers[t.user%5]))
	t.set("enduser.id", String("user-"+strconv.FormatUint(t.user, 10)))
	t.set("session.id", String(string(appendHex(nil, t.session, 16))))
	t.set("client.geo.country", String(countries[t.user%uint64(len(countries))]))
	t.work(900 * time.Microsecond)
	code := body()
	t.work(700 * time.Microsecond)
	t.set("http.response.status_code", Int(code))
	if code >= 500 {
		t.fail(strconv.FormatInt(code, 10), "upstream failure")
	}
	t.end()
}

// rpc plays a call from the current service: a client and a server span. The
// body plays the server; its result, "" for success, fails the client too.
func (t *teller) rpc(to int, method string, body func() string) string {
	name := t.shop.services[to].name
	full := "shop." + camel(name) + "/" + method
	attrs := func() {
		t.set("rpc.system", String("grpc"))
		t.set("rpc.service", String("shop."+camel(name)))
		t.set("rpc.method", String(method))
	}
	t.begin(t.service(), KindClient, libRPC, full)
	attrs()
	t.set("server.address", String(name+".shop.svc.cluster.local"))
	t.set("server.port", Int(8443))
	t.work(220 * time.Microsecond)
	t.begin(to, KindServer, libRPC, full)
	attrs()
	t.work(350 * time.Microsecond)
	failure := body()
	t.work(150 * time.Microsecond)
	code := int64(0)
	if failure != "" {
		code = 14
	}
	t.set("rpc.grpc.status_code", Int(code))
	t.end()
	t.work(180 * time.Microsecond)
	t.set("rpc.grpc.status_code", Int(code))
	if failure != "" {
		t.fail("UNAVAILABLE", failure)
	}
	t.end()
	return failure
}

// query plays a database call of the current service.
func (t *teller) query(text string, rows int64, median time.Duration) {
	db := t.shop.services[t.service()].database
	verb, target := text, db.name
	if words := strings.Fields(text); len(words) > 1 {
		verb, target = words[0], collectionOf(words)
	}
	t.begin(t.service(), KindClient, libDB, verb+" "+target)
	t.set("db.system.name", String(db.system))
	t.set("db.namespace", String(db.name))
	t.set("db.operation.name", String(verb))
	t.set("db.collection.name", String(target))
	t.set("db.query.text", String(text))
	t.set("server.address", String(db.host))
	t.set("server.port", Int(db.port))
	t.work(median)
	t.set("db.response.returned_rows", Int(rows))
	t.end()
}

// collectionOf finds the word that a statement is about.
func collectionOf(words []string) string {
	for i, w := range words[:len(words)-1] {
		if w == "FROM" || w == "INTO" || w == "UPDATE" {
			return words[i+1]
		}
	}
	name, _, _ := strings.Cut(words[1], ":")
	return name
}

// inside plays an internal span of the current service.
func (t *teller) inside(name string, median time.Duration) {
	t.begin(t.service(), KindInternal, libHTTP, name)
	t.set("code.function.name", String(name))
	t.work(median)
	t.end()
}

// together plays the branches side by side: all start now, and time goes on
// when the last has ended.
func (t *teller) together(branches ...func()) {
	start, last := t.now, t.now
	for _, branch := range branches {
		t.now = start + int64(t.src.below(40_000))
		branch()
		last = max(last, t.now)
	}
	t.now = last
}
