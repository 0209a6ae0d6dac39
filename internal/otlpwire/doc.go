// Package otlpwire reads and writes the wire bytes of OTLP messages without
// building their object trees.
//
// A message is a run of fields; a field is a tag (number<<3 | wire type) and a
// payload:
//
//	ExportTraceServiceRequest ─1─► ResourceSpans ─1─► Resource ─1─► KeyValue ─2─► AnyValue
//	                                             ─2─► ScopeSpans ─1─► InstrumentationScope
//	                                             ─3─  schema_url ─2─► Span ─9──► KeyValue
//	                                                                      ─11─► Event
//	                                                                      ─13─► Link
//	                                                                      ─15─► Status
//
// There are four layers, each usable without the ones after it:
//
//   - Cursor walks the fields of one message, Frames the payloads of one
//     repeated field.
//   - Views (Span, Event, Link, Resource, Scope, Attr, Value, …) decode one
//     message shallowly. Their byte slices alias the input; reuse one view for
//     many messages and nothing is allocated.
//   - Validate checks a message to its leaves: structure, UTF-8, depth.
//   - AppendX functions and Begin/End encode; AppendJSON turns OTLP/JSON into
//     wire bytes.
//
// Meaning follows Google's protobuf for Go: the last of a repeated singular
// scalar wins, singular messages that occur twice are merged (which the wire
// format defines as concatenation), unknown fields are skipped, strings must be
// UTF-8. In three points we are stricter, since clients that do this are broken
// and would lose data silently: a known field with another wire type is an
// error, values nest at most MaxDepth deep, and groups too.
//
// Errors are of class base.ClassInvalid and hold an *Error, which names the
// field by path.
//
// Start reading at Cursor, then schema.go, then span.go.
package otlpwire
