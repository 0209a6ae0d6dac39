package intenc

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/pandodb/pando/internal/encoding/goldentest"
)

// render prints values as a line.
func render[T any](vals []T) string { return strings.Trim(fmt.Sprint(vals), "[]") }

func TestGoldenBytes(t *testing.T) {
	goldentest.Run(t, "testdata/golden", map[string]goldentest.Codec{
		"ints": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			var n int
			d.ScanArgs(t, "n", &n)
			vals, err := DecodeInts(nil, src, n)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return render(vals), AppendInts(nil, vals)
		},
		"codes": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			var n int
			d.ScanArgs(t, "n", &n)
			codes, err := DecodeCodes(nil, src, n, 1000)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return render(codes), AppendCodes(nil, codes)
		},
		"rows": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			var n int
			d.ScanArgs(t, "n", &n)
			rows, err := DecodeRows(nil, src, n)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return render(rows), AppendRows(nil, rows, n)
		},
		"idrefs": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			ids := scanList[uint64](t, d, "ids")
			runs := scanList[uint32](t, d, "runs")
			refs, err := DecodeIDRefs[uint64](nil, src, ids, runs)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			return render(refs), AppendIDRefs(nil, refs, ids, runs)
		},
	})
}

// scanList reads an argument key=(a,b,c).
func scanList[T any](t *testing.T, d *datadriven.TestData, key string) []T {
	arg, ok := d.Arg(key)
	if !ok {
		d.Fatalf(t, "no argument %q", key)
	}
	vals := make([]T, len(arg.Vals))
	for i := range arg.Vals {
		arg.Scan(t, i, &vals[i])
	}
	return vals
}
