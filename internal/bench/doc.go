// Package bench measures the whole server on a published load and checks every
// answer.
//
//	corpus (seed) ─┬─► requests ──► child process `pando serve`   load, disk, CPU
//	               │                  └─ stop, start again          time to answer
//	               │                  └─ HTTP queries               wire latencies
//	               ├─► oracle ─► Plan: queries with their answers
//	               │                  └─ same data directory opened in this process:
//	               │                     latencies at the router, answers compared
//	               └─► Floor: what a coder that knows the statistics would need
//
// The server runs as a child so that its CPU time and memory are its own: they
// are read from /proc while it lives. Queries run twice in this process: once
// cold, when the answers are checked, and once warm, when nothing is checked.
//
// A Target is anything that answers the queries; Measure is the same for all of
// them, which is what lets other stores be measured beside (see test/bench).
//
// Start reading at Run, then Plan and Measure.
package bench
