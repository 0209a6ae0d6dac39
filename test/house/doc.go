// Package house compares documents with the program: every configuration key,
// command and metric that a document names exists and says the same, and none is
// missing. Only tests live here.
//
// docs/metrics.md is written by its test: run it with -rewrite. The laws about
// the source itself are in internal/tidy.
package house
