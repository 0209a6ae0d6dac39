// Package tidy holds the laws of the house that no linter knows: which package
// may import which, how long a file may be, what may lie in the root directory,
// that documents do not point at files that are gone. Only tests live here.
//
//	readTree ─► tree ─► law ─► sentences
//	(one walk,  (files,  (a     (each names a file and says
//	 one parse)  packages) pure  what to do about it)
//	                      function)
//
// TestLaws applies every law to the repository; TestLawsFindViolations applies
// each to a small tree that breaks it. A law is never weakened to let a change
// pass: its exceptions are listed beside it with their reasons.
//
// Start with laws_test.go, the list of laws.
package tidy
