// Package crash holds the tests that are cruel to the real binary: it is killed,
// its disk is filled, its files are damaged, its clients send garbage. Only tests
// live here.
//
//	writers ──OTLP──► process ◄── kill -9, full disk, flipped bytes, garbage
//	   │ acknowledged?    │
//	   ▼                  ▼
//	 ledger ────────► verify: content of every trace, every index, every order
//
// What a writer sends is a pure function of (seed, round, writer, number): the
// ledger keeps one state per request and makes its spans again to compare them.
// A request is stored, absent or unknown; it is unknown while no answer came,
// and settles at the first look after a restart: as a whole, and for ever.
//
//	PANDO_SEED        repeats the choices of a run; its moments are the machine's
//	PANDO_CRASH_TIME  how long TestKilled goes on, such as 10m; else 20 s
//	PANDO_SLOW        also runs what waits for the clock: retention
//	PANDO_BINARY      a binary to test instead of building one
//
// Start reading at killed_test.go; process_test.go runs the binary, load_test.go
// makes requests, verify_test.go compares.
package crash
