// Package jaegerbadger reads the directory that Jaeger keeps its spans in when
// its storage is badger, and brings every span into a server.
//
//	badger ─ Store.Each ─► raw entries ─► batch ─┬─► worker ─ DecodeEntry, OTLP ─► Sender
//	(key order, read only)   (≤ 1 MiB of values) ├─► worker         │
//	                                             └─► worker         ▼ acknowledged
//	                                   State (file) ◄── ledger: batches in order
//
// What Jaeger writes for a span, in all its versions:
//
//	key    0x80 │ trace id 16 │ start, µs 8 │ span id 8       big endian, 33 bytes
//	value  the span as a message of api_v2; the low four bits of the entry's user
//	       meta tell how: 1 JSON, 2 protobuf
//
// and keys that begin with 0x81 to 0x84 (indexes by service, operation, tag and
// duration, without values), 0x08 and 0x09 (adaptive sampling). Only the spans
// are read. Entries carry the time at which they expire; badger hides those that
// have.
//
// The source is never written to. Badger opens it read only, which it refuses
// when Jaeger is running (ErrInUse), when Jaeger was killed, since the end of its
// log must be cut (ErrUnclean), or when the files are of badger 1 or 2
// (ErrFormat). After ErrUnclean Open can repair a copy instead.
//
// Sending is at least once and in key order. The ledger counts a batch when it
// and all before it are acknowledged, so what a state file says is never ahead of
// the server; what a killed import sends again, the server drops as copies.
//
// The checksum of a set of spans is the sum of the xxhash of each: it depends on
// neither order nor batches. It is taken of the span in the trace model with
// attributes in ascending order, so that it is the same before and after a
// server: Verify reads every trace back and compares span by span.
//
// Start reading at Import, then Verify.
package jaegerbadger
