package browser

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/pandodb/pando/internal/model/trace"
)

// shop invents the spans of one request to a web shop.
type shop struct {
	rng       *rand.Rand
	trace     *trace.Trace
	start     uint64
	resources map[string]*trace.Resource
	scope     *trace.Scope
	slow      uint64 // factor on the database's time
	failing   bool
}

func newShop(rng *rand.Rand, id trace.ID, start time.Time) *shop {
	return &shop{
		rng: rng, trace: &trace.Trace{ID: id}, start: uint64(start.UnixNano()), slow: 1,
		resources: map[string]*trace.Resource{},
		scope:     &trace.Scope{Name: "go.opentelemetry.io/contrib/instrumentation", Version: "0.61.0"},
	}
}

// visit is one user's click: mostly quick, one in eight slow, one in nine failing.
func (s *shop) visit(i int) *trace.Trace {
	if i%8 == 3 {
		s.slow = 6 + s.rng.Uint64N(12)
	}
	s.failing = i%9 == 4
	switch i % 4 {
	case 0:
		s.checkout()
	case 1, 2:
		s.browse()
	default:
		s.consume()
	}
	return s.trace
}

func (s *shop) micros(least, spread uint64) uint64 { return (least + s.rng.Uint64N(spread)) * 1000 }

func (s *shop) browse() {
	root := s.span(nil, "frontend", "GET /product/{id}", trace.KindServer, 0)
	s.http(root, "GET", "/product/{id}", 200)
	at := s.micros(200, 300)
	catalog := s.call(root, "product-catalog", "ProductCatalog/GetProduct", at)
	at = s.query(catalog, "SELECT product", s.micros(800, 2000)*s.slow)
	s.end(catalog, at+s.micros(100, 200))
	at = s.endCall(catalog)
	rec := s.call(root, "recommendation", "Recommendation/List", at)
	for range 2 + s.rng.IntN(4) {
		at = s.cacheGet(rec)
	}
	s.end(rec, at+s.micros(300, 900))
	at = max(at, s.endCall(rec))
	ad := s.call(root, "ad", "Ad/GetAds", at-s.micros(100, 50))
	s.end(ad, s.offset(ad)+s.micros(700, 2500))
	if s.failing {
		s.fail(ad, "deadline exceeded while reading targeting rules")
	}
	s.end(root, max(at, s.endCall(ad))+s.micros(300, 900))
}

func (s *shop) checkout() {
	root := s.span(nil, "frontend", "POST /checkout", trace.KindServer, 0)
	s.http(root, "POST", "/checkout", 200)
	order := s.call(root, "checkout", "Checkout/PlaceOrder", s.micros(300, 400))
	cart := s.call(order, "cart", "Cart/Get", s.offset(order)+s.micros(200, 300))
	at := s.cacheGet(cart)
	s.end(cart, at+s.micros(50, 100))
	at = s.endCall(cart)
	for range 2 + s.rng.IntN(3) {
		price := s.call(order, "currency", "Currency/Convert", at+s.micros(10, 40))
		s.end(price, s.offset(price)+s.micros(150, 300))
		at = s.endCall(price)
	}
	quote := s.call(order, "shipping", "Shipping/Quote", at)
	s.end(quote, s.offset(quote)+s.micros(2000, 3000))
	at = s.endCall(quote)
	pay := s.call(order, "payment", "Payment/Charge", at+s.micros(50, 50))
	at = s.query(pay, "INSERT charge", s.micros(2500, 5000)*s.slow)
	s.end(pay, at+s.micros(400, 600))
	if s.failing {
		s.fail(pay, "card issuer did not answer in 2 s")
		s.fail(order, "charge refused")
		s.http(root, "POST", "/checkout", 502)
		s.fail(root, "502 Bad Gateway")
	}
	at = s.endCall(pay)
	publish := s.span(order, "checkout", "orders publish", trace.KindProducer, at)
	publish.Attrs = append(publish.Attrs, str("messaging.system", "kafka"), str("messaging.destination.name", "orders"))
	s.end(publish, at+s.micros(300, 300))
	mail := s.call(order, "email", "Email/SendConfirmation", at+s.micros(400, 100))
	s.end(mail, s.offset(mail)+s.micros(3000, 3000))
	at = s.endCall(mail)
	s.end(order, at+s.micros(200, 200))
	s.end(root, s.endCall(order)+s.micros(200, 300))
}

func (s *shop) consume() {
	root := s.span(nil, "fulfilment", "orders process", trace.KindConsumer, 0)
	root.Attrs = append(root.Attrs, str("messaging.system", "kafka"), num("messaging.batch.message_count", 12))
	root.Links = []trace.Link{{TraceID: shopTraceID(0), SpanID: trace.SpanID{7: 1}, Attrs: []trace.Attr{num("messaging.kafka.offset", 4711)}}}
	root.DroppedLinks = 11
	at := s.micros(100, 100)
	for range 6 {
		step := s.span(root, "fulfilment", "pack order", trace.KindInternal, at)
		at = s.query(step, "UPDATE stock", s.micros(900, 1500)*s.slow)
		s.end(step, at+s.micros(100, 300))
		at = s.relativeEnd(step)
	}
	if s.failing {
		s.fail(root, "stock went below zero")
	}
	s.end(root, at+s.micros(100, 100))
}

// batch is a nightly job: one root, many workers, rows below rows.
func (s *shop) batch(spans int) *trace.Trace {
	s.trace.Spans = make([]trace.Span, 0, spans)
	root := s.span(nil, "fulfilment", "nightly settlement", trace.KindInternal, 0)
	s.trace.Spans = s.trace.Spans[:1]
	at := uint64(0)
	for len(s.trace.Spans) < spans-60 {
		worker := s.span(root, "payment", word("settle merchant %02d", s.rng.IntN(40)), trace.KindConsumer, at)
		inner := at
		for range 4 + s.rng.IntN(6) {
			inner = s.query(worker, "SELECT charge", s.micros(40, 160))
			if s.rng.IntN(4) == 0 {
				inner = s.cacheGet(worker)
			}
		}
		s.end(worker, inner+s.micros(5, 10))
		if s.rng.IntN(700) == 0 {
			s.fail(worker, "ledger does not balance")
		}
		at += s.micros(60, 60)
	}
	for len(s.trace.Spans) < spans {
		s.end(s.span(root, "email", "notify merchant", trace.KindProducer, at), at+s.micros(200, 100))
	}
	s.end(root, at+s.micros(5000, 1))
	return s.trace
}

// chain is one call inside another, thousands deep.
func (s *shop) chain(spans int) *trace.Trace {
	var parent *trace.Span
	for i := range spans {
		service := []string{"recommendation", "product-catalog", "cart"}[i%3]
		parent = s.span(parent, service, word("recurse %d", i%5), trace.KindInternal, uint64(i)*1000)
		s.end(parent, uint64(2*spans-i)*1000)
	}
	return s.trace
}

// damaged has what networks and clocks do to traces: a lost parent, a circle, a
// copy, a shared id and a clock that runs behind.
func (s *shop) damaged() *trace.Trace {
	s.checkout()
	spans := s.trace.Spans
	lost := spans[4]
	lost.SpanID, lost.ParentID, lost.Name = trace.SpanID{0xaa}, trace.SpanID{0xff, 1}, "parent was lost"
	one, two := spans[5], spans[6]
	one.SpanID, one.ParentID, one.Name = trace.SpanID{0xc1}, trace.SpanID{0xc2}, "circle, first half"
	two.SpanID, two.ParentID, two.Name = trace.SpanID{0xc2}, trace.SpanID{0xc1}, "circle, second half"
	early := spans[2]
	early.SpanID, early.Name = trace.SpanID{0xee}, "clock runs behind"
	early.StartNanos -= 3e6
	early.ParentID = spans[0].SpanID
	s.trace.Spans = append(spans, lost, one, two, early, spans[3])
	return s.trace
}

// hostile is written by someone who wants the page to run it.
func (s *shop) hostile() *trace.Trace {
	const text = `</script><script>document.title="run"</script><!--<img src=x onerror='document.title="run"'>`
	root := s.span(nil, `"><img src=x onerror=alert(1)>`, text, trace.KindInternal, 0)
	root.Attrs = []trace.Attr{str(text, text)}
	root.StatusCode, root.StatusMessage = trace.StatusError, text
	s.end(root, 1e6)
	return s.trace
}

// call is a client span and the server span below it; it returns the latter.
func (s *shop) call(parent *trace.Span, service, name string, at uint64) *trace.Span {
	client := s.span(parent, parent.Resource.Service(), name, trace.KindClient, at)
	client.Attrs = append(client.Attrs, str("rpc.system", "grpc"), str("server.address", service+".shop.svc"))
	server := s.span(client, service, name, trace.KindServer, at+s.micros(60, 60))
	server.Attrs = append(server.Attrs, str("rpc.system", "grpc"), num("rpc.grpc.status_code", 0),
		str("tenant", []string{"acme", "globex", "initech"}[s.rng.IntN(3)]))
	return server
}

// endCall ends the client span above a finished server span and returns its end.
func (s *shop) endCall(server *trace.Span) uint64 {
	client := s.find(server.ParentID)
	s.end(client, s.relativeEnd(server)+s.micros(60, 60))
	return s.relativeEnd(client)
}

func (s *shop) query(parent *trace.Span, name string, nanos uint64) uint64 {
	at := max(s.offset(parent), s.relativeEnd(parent)) + s.micros(20, 40)
	q := s.span(parent, parent.Resource.Service(), name, trace.KindClient, at)
	q.Attrs = append(q.Attrs, str("db.system", "postgresql"), str("db.statement", name+" FROM shop WHERE id = $1"), num("db.rows", int64(s.rng.IntN(40))))
	if s.slow > 1 {
		q.Events = append(q.Events, trace.Event{
			TimeNanos: s.start + at + nanos/3, Name: "lock wait",
			Attrs: []trace.Attr{str("db.lock", "row"), num("waiters", int64(s.slow))},
		})
	}
	s.end(q, at+nanos)
	s.end(parent, at+nanos)
	return at + nanos
}

func (s *shop) cacheGet(parent *trace.Span) uint64 {
	at := max(s.offset(parent), s.relativeEnd(parent)) + s.micros(5, 20)
	hit := s.rng.IntN(3) > 0
	get := s.span(parent, parent.Resource.Service(), "GET", trace.KindClient, at)
	get.Attrs = append(get.Attrs, trace.Attr{Key: "cache.hit", Value: boolean(hit)}, str("db.system", "redis"))
	s.end(get, at+s.micros(80, 200))
	s.end(parent, s.relativeEnd(get))
	return s.relativeEnd(get)
}

func boolean(b bool) trace.Value {
	if b {
		return trace.Value{Kind: trace.KindBool, Int: 1}
	}
	return trace.Value{Kind: trace.KindBool}
}

func (s *shop) http(span *trace.Span, method, route string, code int64) {
	span.Attrs = []trace.Attr{
		str("http.request.method", method), num("http.response.status_code", code), str("http.route", route),
		{Key: "shop.cart.items", Value: trace.Value{Kind: trace.KindList, List: []trace.Value{
			{Kind: trace.KindString, Str: "telescope"}, {Kind: trace.KindInt, Int: 2},
		}}},
		str("user_agent.original", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"),
	}
}

func (s *shop) fail(span *trace.Span, message string) {
	span.StatusCode, span.StatusMessage = trace.StatusError, message
	span.Events = append(span.Events, trace.Event{
		TimeNanos: span.StartNanos + span.DurationNanos()*3/4, Name: "exception",
		Attrs: []trace.Attr{str("exception.message", message), str("exception.type", "*errors.errorString")},
	})
}

// span adds a span that starts `at` nanoseconds into the trace. The pointer is
// valid until spans outgrow their array, so visits reserve enough.
func (s *shop) span(parent *trace.Span, service, name string, kind trace.Kind, at uint64) *trace.Span {
	if cap(s.trace.Spans) == 0 {
		s.trace.Spans = make([]trace.Span, 0, 4096)
	}
	span := trace.Span{
		TraceID: s.trace.ID, Name: name, Kind: kind, StartNanos: s.start + at, EndNanos: s.start + at,
		Resource: s.resource(service), Scope: s.scope,
	}
	binary.BigEndian.PutUint64(span.SpanID[:], s.rng.Uint64()|1)
	if parent != nil {
		span.ParentID = parent.SpanID
	}
	s.trace.Spans = append(s.trace.Spans, span)
	return &s.trace.Spans[len(s.trace.Spans)-1]
}

func (s *shop) resource(service string) *trace.Resource {
	if s.resources[service] == nil {
		s.resources[service] = &trace.Resource{Attrs: []trace.Attr{
			str("deployment.environment", []string{"production", "staging"}[min(1, s.rng.IntN(6)/5)]),
			str("host.name", word("node-%d", 1+s.rng.IntN(4))),
			num("process.pid", int64(100+s.rng.IntN(9000))), str("process.runtime.name", "go"),
			str("service.name", service), str("service.version", word("2.%d.0", 3+s.rng.IntN(2))),
		}}
	}
	return s.resources[service]
}

func (s *shop) find(id trace.SpanID) *trace.Span {
	for i := len(s.trace.Spans) - 1; ; i-- {
		if s.trace.Spans[i].SpanID == id {
			return &s.trace.Spans[i]
		}
	}
}

func (s *shop) offset(span *trace.Span) uint64      { return span.StartNanos - s.start }
func (s *shop) relativeEnd(span *trace.Span) uint64 { return span.EndNanos - s.start }
func (s *shop) end(span *trace.Span, at uint64)     { span.EndNanos = max(span.EndNanos, s.start+at) }
