// Package load sends OTLP trace requests to a server and measures how it takes
// them.
//
//	source ──► queue ──► sender 1 ─┐
//	(one       (bounded) sender 2 ─┼─► gRPC, one connection each ──► server
//	goroutine)           sender n ─┘        └─ ack: latency, refused spans
//
// One goroutine makes the requests, so that what is sent depends on the source
// alone and not on how many senders there are. Requests are bytes from end to
// end. A sender waits for the answer before it takes the next request; when the
// server asks to come back later, it does, and counts the retry.
//
// Start reading at Run.
package load
