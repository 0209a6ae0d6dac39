// Package merge turns several parts into one.
//
// It works column by column (a vertical merge). The first pass reads identities
// only and decides the order and which rows the layout's reconcile rule drops;
// it writes them down as steps:
//
//	step  source  rows  drop        "the next 7 rows of part 2, keep;
//	 0      2       7    no          then skip one row of part 0; …"
//	 1      0       1    yes
//
// The second pass replays the steps once per column: each source has a cursor
// that walks the column's blocks, and runs of values are copied with their codes
// mapped to the output's dictionary. So memory holds one column's codes, never
// whole rows, and a value is hashed once per dictionary, not once per row.
//
// Keys come in order from every part, so the first pass compares keys, not rows;
// rows are compared only where one key lies in several parts.
//
// A Tee sees all that is written as it goes by: what is derived from the rows of the
// new part need not read them again.
//
// Inputs should be opened without a page cache: a merge reads each page once.
package merge
