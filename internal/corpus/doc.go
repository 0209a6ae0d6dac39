// Package corpus makes the deterministic workloads that tests, the generator,
// the benchmark and the demo share: a corpus of traces with an oracle that
// knows all answers about it, and a small shop that reads like a real one.
//
//	Corpus  published trace load: a trace is a pure function of (seed, index)
//	Oracle  naive, exact answers; draws queries of the published classes
//	Shop    twelve services, a planted fault; a pure function of (seed, time)
//
// It depends on no engine. Read span.go for the data, draft.go for how a trace
// comes to be, stream.go for how it arrives, query.go for what can be asked.
//
// # Reproducing the trace corpus
//
// Everything is integers, so any language arrives at the same bytes; the hashes
// in TestGolden tell whether it did. Let mix64 be splitmix64's output function
// and G its increment 0x9e3779b97f4a7c15.
//
//	source(seed, stream, index)   state = mix64(mix64(seed + stream × G) + index)
//	next                          state += G; mix64(state)
//	below(n)                      high 64 bits of next × n
//	chance(c)                     below(10,000) < c
//	lognormal(median, sigma)      median × 2^(sigma × z / 65,536), z = (sum of
//	                              next's four 16-bit lanes − 131,070) / 37,837
//
// lognormal divides towards zero and raises two to a power by tables made from
// integer square roots (source.go). Streams: 1 catalogue, 2 traces, 3 queries,
// 4 shop. The draws happen in the order of the code named here.
//
// Catalogue (catalogue.go; stream 1, index 0). Fifty named services in four
// tiers: 5 gateways, 15, 20, and 10 stores, each with a language, a database
// system and 3 to 8 instances of 12 resource attributes. First all services
// are drawn in order, then the ten operations of each (self time medians
// log-uniform in 0.3 to 16 ms, 40 % call side by side, two or three database
// statements in one to four variants), then the calls tier by tier: two to
// five per operation, dealt from a shuffled deck of operations in lower tiers
// that holds each of the next tier at least once. Eighteen services speak
// HTTP, the rest gRPC.
//
// Trace (stream 2, its index). Draws, in order:
//
//	corpus.go    trace id (two, big endian), root span id, start within the
//	             index's slot of the hour (slot = ⌊hour × index / traces⌋)
//	draft.go     drawTrace: slow? (0.2 %), tenant (Zipf over 200), user (square
//	             of a uniform, over 100,000), request id, order id (5 %),
//	             browser, address, link (1 %) to an earlier trace
//	             grow: size (log-normal around 19.5, cut to 8..40), then breadth
//	             first from a gateway's server span: internal span (25 %),
//	             database spans (25, 50, 75, 100 % by tier), calls (75 % each) as
//	             client + server pairs, until the size is reached; internal
//	             spans fill up. Slow traces multiply each self time by 20..100
//	timing.go    settle: durations and errors, from the last span to the first;
//	             place: starts, without draws
//	describe.go  attributes and events, span by span
//
// # Arrival
//
// A trace has a place in one of 200 lanes and runs there on a virtual clock
// that starts at zero; lane k starts at k × 0.2 ms, and takes the next trace at
// the virtual end of its last. Spans leave in order of virtual end time, ties
// by trace index, then by order in the trace. Every 1,000 spans make a request:
//
//	ExportTraceServiceRequest
//	  ResourceSpans     one per instance, in order of its first span
//	    Resource        12 attributes
//	    ScopeSpans      one: the language's instrumentation library
//	      Span ...      in order of arrival
//
// so a trace is spread over many ResourceSpans and usually several requests.
// A worker of n takes every n-th trace into 200/n lanes (Share).
//
// # Figures
//
// Of the default corpus, with the published ones in brackets; TestStatistics
// and TestQueriesHitAsPublished hold them.
//
//	spans                        1,031,718   (1,035,673)
//	bytes per span on the wire       563.7   (569)
//	trace size p50 / p99             19 / 40 (19 / 40), mean 20.6 (20.7)
//	root ms p50 / p90 / p99    37 / 78 / 129 (37 / 82 / 127)
//	service + span name pairs        2,533   (2,471)
//	attributes per span         10.25, 9..14 (10.3, 9..14)
//	failed spans, with events  0.24 %, 10 %  (0.24 %, 10 %)
//	zstd -1 / -3 / -9     97 / 69.8 / 54.4 B (79 / 68.5 / 53)
//	gzip -1                            139 B (118)
//
// Fast compressors do worse here than published, never better: the bytes are
// no easier. The published 99.9th percentile of root durations (215 ms) is that
// of a sample with few slow traces; ours is within the slow ones (2 s).
package corpus
