// Package trace is the trace model: the spans of OpenTelemetry as rows of the
// columnar engine, and back.
//
// It is a layout (which columns exist, how they sort, what equal rows mean) and
// two pure translations: the wire bytes of an export request become a
// column.Batch (Builder), and batches become spans (ReadSpans). It owns no file
// and no goroutine.
package trace
