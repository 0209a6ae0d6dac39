// Package invariants holds assertions that run in tests (build tag
// "invariants") and cost nothing in production.
//
// Under the tag, Sometimes also lets code leave its fast path at random, so
// that the slow path is tested as often as the fast one.
package invariants
