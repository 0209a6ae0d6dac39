// Package search answers trace questions: by id, by filter newest or slowest
// first, page by page, span by span, and the catalogues of services and
// operations.
//
// It lowers a Query to engine scans, one per tablet, and folds the partial
// answers; it knows the trace model, and reaches the tablets through an
// interface that the router satisfies.
//
// A filter of the expression language takes this way:
//
//	expression.Call ──compile──► node ──lower──► columnar.Expr
//	                              │                ├─ conditions on columns and tags
//	                              │                ├─ tests of distinct values
//	                              └──eval──────────┴─ tests of rows
//
// A node is a filter whose constants are read and whose references are known. A
// leaf goes where single columns answer: an attribute of a span to the column of
// its key and type and to the documents that may hold it, a field to its column
// or the row's identity. What one element of the events or links decides is a test
// of the distinct documents. Only what several columns of a row tell together
// (an end time, the offset of an event, one attribute against another) is
// evaluated row by row, over the rows that cheaper conditions leave.
//
// Both ways read the same rules: a leaf about something that is not there does
// not hold, ne and not_in included; of several values one is enough, or none may
// match for ne and not_in; a constant with a type matches values stored with it,
// one without matches whatever reads the same; numbers compare with numbers and
// text with text.
//
// Service graphs and metrics read no rows: they add up the digests that parts keep
// by the minute (digest.go, dependencies.go, metrics.go).
//
// Pages are cut by value, not by count: a token (token.go) says after which
// result the next page begins, and which query it belongs to. Start reading at
// query.go, then traces.go and page.go; filters begin at filter.go.
package search
