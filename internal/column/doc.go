// Package column holds Batch, the currency of the house: rows as columns, from
// a gateway's socket through the log and the memtable to a part and back to an
// answer.
//
// A batch is a table of Rows rows. Three columns give a row its identity and
// its order; all others are vectors named by an ID:
//
//	row │ key            time    id      │ span/name:string    attr/http.status:int
//	────┼────────────────────────────────┼──────────────────────────────────────────
//	 0  │ Keys[KeyCodes[0]]  Times[0] IDs[0] │ Codes[0] ─► Dict      Rows[0]=2 Ints[0]
//	 1  │ Keys[KeyCodes[1]]  …       …      │ Codes[1]               (absent in row 1)
//	 2  │ …                                 │ Codes[2]               ◄─ present
//
// Rows sort by (key, time, id); keys compare with bytes.Compare and nothing
// else. A vector is dense (Rows nil: one value per row) or sparse (Rows lists
// the rows that have a value), so the cost of a thousand dynamic columns is the
// number of values in them. Variable-length values live in a Dict, once each
// where the producer could tell, and rows hold codes.
//
// What a column means is data: a Layout declares the families, the fixed
// columns, how equal identities reconcile and how document columns expand to
// tags. Nothing below the models knows more about a trace or a metric than its
// Layout says.
//
// Ownership: a Batch handed to another package is read-only for both sides from
// then on. Slices of a Batch may alias one buffer; Clone where a value must
// outlive it.
//
// Start reading at Batch, then Layout, then AppendBatch (the log's encoding).
package column
