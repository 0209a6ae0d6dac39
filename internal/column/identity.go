package column

import "bytes"

// Identity is the key, time and id of consecutive rows in sorted order, keys
// run-length coded. It is how rows travel inside the engine, where order is
// known; a Batch is how they arrive.
type Identity struct {
	Keys  Dict     // distinct, ascending
	Runs  []uint32 // len Keys.Len(): rows of each key, all positive
	Times []int64
	IDs   []uint64
}

// Rows returns the number of rows.
func (x *Identity) Rows() int { return len(x.Times) }

// Reset empties the identity and keeps its memory.
func (x *Identity) Reset() {
	x.Keys.Reset()
	x.Runs, x.Times, x.IDs = x.Runs[:0], x.Times[:0], x.IDs[:0]
}

// Append adds one row. Rows must come in order.
func (x *Identity) Append(key []byte, time int64, id uint64) {
	n := x.Keys.Len()
	if n == 0 || !bytes.Equal(x.Keys.Value(uint32(n-1)), key) {
		x.Keys.Append(key)
		x.Runs = append(x.Runs, 0)
		n++
	}
	x.Runs[n-1]++
	x.Times, x.IDs = append(x.Times, time), append(x.IDs, id)
}

// SizeBytes returns the memory the identity holds.
func (x *Identity) SizeBytes() int {
	return x.Keys.SizeBytes() + 4*len(x.Runs) + 8*len(x.Times) + 8*len(x.IDs)
}
