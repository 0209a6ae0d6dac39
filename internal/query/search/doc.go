// Package search answers trace questions: by id, by filter newest or slowest
// first, and the catalogues of services and operations.
//
// It lowers a Query to engine scans, one per tablet, and folds the partial
// answers; it knows the trace model, and reaches the tablets through an
// interface that the router satisfies.
package search
