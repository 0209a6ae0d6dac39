// Package wire translates between Jaeger's messages and the trace model, for
// every gateway and importer that speaks to Jaeger.
//
//	api_v2 bytes ─ DecodeSpan ─┐                                         AppendExport
//	badger JSON ── ParseSpan ──┼─► apiv2pb.Span ─► Spans ─► trace.Span ──────────────► OTLP bytes
//	gRPC message ──────────────┘                               │
//	api_v2 bytes ◄──────────────────────────────────── Encoder ┘
//	expressionpb.Call ─ Filter ─► expression.Call
//
// The rules are those by which Jaeger and OpenTelemetry's collector translate:
//
//	api_v2                                     trace model
//	process.service_name, tags                 resource attribute service.name, the others
//	tag span.kind = server, …                  kind
//	tags error = true, otel.status_code        status code
//	tag otel.status_description                status message, if there is a status
//	tag w3c.tracestate                         trace state
//	tags otel.scope.name, otel.scope.version   scope
//	first CHILD_OF into the trace              parent; else the first FOLLOWS_FROM
//	other references                           links with opentracing.ref_type
//	log, its field event                       event, its name
//	warnings                                   attribute @jaeger@warnings, a list
//	tag of type STRING, BOOL, …, BINARY        attribute of that type
//
// One thing is stricter than in Jaeger: a span that came by api_v2 goes back by
// api_v2 as it came. A tag becomes a field only where the field says all of it;
// otherwise it stays an attribute too, and is not shown twice. So error=true
// alone sets the status, and comes back without an otel.status_code. For the
// same reason nothing is renamed (hostname) or guessed (a status from
// http.status_code). What a round trip does not keep: the order of tags, though
// tags of one key keep theirs; the place of the parent among the references,
// where it comes first, and a second reference to it; process ids of a trace
// message; times before 1970.
//
// OTLP has more than api_v2 can say. Lists and maps become their JSON as text;
// attributes of scopes and links, counts of dropped things, schema addresses and
// entities are not shown.
//
// Text that is not UTF-8, which Jaeger's clients can send, is stored as bytes:
// see sanitize.go.
//
// Start reading at span.go, then tags.go and encode.go; expression.go is apart.
package wire
