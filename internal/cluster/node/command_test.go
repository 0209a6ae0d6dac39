package node

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

func exampleBatch(rows int) *column.Batch {
	b := &column.Batch{Rows: rows}
	b.Keys.Append([]byte("res\x01hashhashkey"))
	v := column.Vector{ID: column.ID{Type: column.String, Name: "name"}}
	v.Dict.Append([]byte("GET"))
	for i := range rows {
		b.KeyCodes = append(b.KeyCodes, 0)
		b.Times = append(b.Times, int64(1000+i))
		b.IDs = append(b.IDs, uint64(i+1))
		v.Codes = append(v.Codes, 0)
	}
	if rows > 0 {
		b.Cols = []column.Vector{v}
	}
	return b
}

func TestCommandRoundTrip(t *testing.T) {
	for _, want := range [][]TabletBatch{{}, {{1, exampleBatch(1)}}, {{7, exampleBatch(300)}, {1 << 40, exampleBatch(2)}}} {
		got, err := decodeCommand(appendCommand(nil, want))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
	}
}

// TestCommandGolden pins the bytes that a newer program finds in the log.
func TestCommandGolden(t *testing.T) {
	const want = "01" + "01" + "05" + "ae808000" + // version, one batch, tablet 5, 46 bytes
		"0101" + "010f" + "7265730168617368686173686b6579" + "00" + // batch 1, one row, its key, codes
		"00d00f" + "0100000000000000" + "01" + // time 1000, id 1, one column
		"0004" + "046e616d65" + "00" + "0103474554" + "00" // family 0, string "name": "GET"
	if got := hex.EncodeToString(appendCommand(nil, []TabletBatch{{5, exampleBatch(1)}})); got != want {
		t.Errorf("command bytes changed:\n got %s\nwant %s", got, want)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(appendCommand(nil, []TabletBatch{{1, exampleBatch(3)}, {2, exampleBatch(0)}}))
	f.Add([]byte{1, 255, 255, 3})
	f.Add(appendPurge(nil, []TabletBatch{{Tablet: 1}, {Tablet: 300}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		writes, err := decodeCommand(data)
		if err != nil {
			if !base.IsCorruption(err) {
				t.Fatal(err)
			}
			return
		}
		for _, w := range writes {
			if w.Batch == nil { // a purge
				continue
			}
			if err := w.Batch.Validate(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
