// Package serve holds what the doors that speak Jaeger's protocols have in
// common when they answer: the codes of errors, how traces are read and cut into
// messages with a bounded amount of them in memory, what Jaeger's tags ask for,
// and how times are given.
//
//	request ─► NewInterval, AddTag ─► search.Query ─► a store
//	                                                    │ ids
//	client ◄─ SendSpans, ~1 MiB a message ◄─ TraceReader ◄┘ 32 traces at a time
//	   └──◄── Errors ◄─ what went wrong
//
// Package wire, one floor below, knows the messages.
package serve
