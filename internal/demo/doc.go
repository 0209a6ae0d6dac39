// Package demo runs a server with data in it: a small web shop whose traces
// tell of an incident.
//
//	Open ─► server on a temporary directory
//	      ├─ Fill: hours of the shop's past over OTLP, the last one denser, with
//	      │        the planted fault in it
//	      ├─ Slowest: the trace that a first look should find
//	      └─ Live: what the shop does now, second by second, until ctx ends
//
// The data goes the way that everybody's goes: OTLP over gRPC, through the log,
// acknowledged when durable.
package demo
