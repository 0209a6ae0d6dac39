// Package base holds the vocabulary every other package shares: identifiers,
// half-open time ranges and the error classes.
//
// It imports nothing of the project. A name belongs here only when at least
// two rooms that may not import each other need it.
package base
