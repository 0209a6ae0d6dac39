// Package cli is the command line: a tree of commands over the server, its API
// and its files.
//
//	pando
//	├─ serve                     the server
//	├─ demo                      the server with a shop in it
//	├─ trace   get | search      ask a running server
//	├─ gen     traces            send a made-up load
//	├─ bench   traces            measure a server on the published load
//	├─ inspect part | manifest | log   look into files, server or not
//	├─ config  print | check
//	├─ version
//	└─ completion                of shells
//
// # Conventions
//
// Results go to standard output and nothing else does. On a terminal they are
// tables for people, otherwise tab-separated values with raw numbers; -o chooses
// table, tsv, json or jsonl. JSON names are stable.
//
// An error is three lines on standard error: what failed with a code word to
// search for, why, and what to do. Exit codes:
//
//	0 ok · 1 failure · 2 usage · 3 a check found problems
//	5 unavailable or timed out, trying again makes sense
//	6 damaged data · 130 interrupted
//
// Start reading at Main in root.go, then fail.go; every command has a file.
package cli
