// Package zipkin serves version 2 of Zipkin's API: clients send spans to it, and
// pages, Grafana among them, ask for them.
//
//	POST /api/v2/spans               JSON or protobuf, plain or gzip
//	GET  /api/v2/services            names, as the others below
//	     /api/v2/spans               of the spans of a service
//	     /api/v2/remoteServices      that a service called
//	     /api/v2/traces              a search
//	     /api/v2/trace/{id}
//	     /api/v2/traceMany
//	     /api/v2/dependencies
//	     /api/v2/autocompleteKeys, /api/v2/autocompleteValues
//	GET  /health
//
//	JSON ─ jsonSpans ───┐               modeler                  Spans.Export
//	                    ├─► span ─────────────────► trace.Span ─► OTLP bytes
//	protobuf ─ protoSpans┘  ▲                           │
//	                 shower └───────────────────────────┘
//	JSON ◄─ appendSpan ─ span
//
// The rules are those of OpenTelemetry's specification for Zipkin exporters and
// of its collector's translator:
//
//	Zipkin                               trace model
//	localEndpoint.serviceName            resource attribute service.name
//	localEndpoint.ipv4, ipv6, port       resource attributes net.host.ip, net.host.port
//	remoteEndpoint                       peer.service, net.peer.ip, net.peer.port
//	kind                                 kind; none is unspecified
//	no kind, tag span.kind = internal    internal
//	timestamp, duration                  start and end, from microseconds
//	annotations                          events
//	tags error, otel.status_code         status; they stay attributes too
//	tags otel.scope.name, …version       scope
//	tag w3c.tracestate                   trace state
//	other tags                           attributes, text
//	shared, debug                        attributes zipkin.shared, zipkin.debug, true
//
// One thing is stricter than there: a span that came from Zipkin goes back to
// Zipkin as it came. Tags are text and what is not a tag is told from them by its
// type, or, where it is text too, by attrRemote. What a round trip does not keep
// is what Zipkin's own server does not: an address that is none, empty texts, a
// span as its own parent, the upper half of a trace id when it is zero. A span
// that shares its id with the client's keeps it: readers tell them apart by kind.
//
// Spans of OpenTelemetry have more than Zipkin can say. Resource attributes,
// scope, status and links become tags, attributes of events JSON behind their
// name; numbers, lists and maps become text.
//
// Start reading at span.go and model.go; write.go takes spans, read.go answers.
package zipkin
