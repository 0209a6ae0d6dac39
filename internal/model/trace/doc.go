// Package trace is the trace model: the spans of OpenTelemetry as rows of the
// columnar engine, and back.
//
// It is a layout (which columns exist, how they sort, what equal rows mean) and
// pure translations: the wire bytes of an export request become a column.Batch
// (Builder), batches become spans (ReadSpans) or trace summaries (Summarizer),
// and spans become OTLP bytes (AppendOTLP). It owns no file and no goroutine.
//
// A span is one row. Its identity:
//
//	key   resource id, 4 bytes big-endian │ xxhash64(trace id), 8 │ trace id, 16
//	time  start, Unix nanoseconds
//	id    span id as a big-endian integer
//
// Its columns, by family; all but the duration are absent where they hold the
// default (zero, empty), so they cost nothing there:
//
//	0 span  name, kind, duration, parent, status, status_message, trace_state,
//	        flags, dropped_attrs, dropped_events, dropped_links
//	1 attr  one column per attribute key and type: String, Int64, Float64, Bool,
//	        Bytes; Doc for empty, list and map values (the AnyValue message)
//	2 doc   resource  uvarint(len(url)) ++ schema url ++ Resource message
//	        scope     uvarint(len(url)) ++ schema url ++ Scope message
//	        events    frames of Span field 11, as they came
//	        links     frames of Span field 13, as they came
//	        extra     frames of Span field 9: attributes that cannot have a
//	                  column: a key's second value in one span, an empty or
//	                  overlong key, keys beyond Options.MaxColumns
//
// Documents keep the sender's bytes, so they are lossless and cost ingest a
// check instead of a translation; Expand finds their tags when an index is
// built. What a round trip does not keep: the order of a span's attributes
// (they come back ascending by key, values of one key in their order), fields
// OTLP does not define, and the difference between an absent and an empty value.
//
// Final parts keep a Digest of their spans besides: calls, errors and latencies per
// minute of operations, and of calls between services. It is folded from six
// columns, a trace at a time.
//
// Start reading at layout.go, then builder.go, then reader.go.
package trace
