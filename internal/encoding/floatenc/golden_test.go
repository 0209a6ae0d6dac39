package floatenc

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/pandodb/pando/internal/encoding/goldentest"
)

func TestGoldenBytes(t *testing.T) {
	goldentest.Run(t, "testdata/golden", map[string]goldentest.Codec{
		"floats": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			var n int
			d.ScanArgs(t, "n", &n)
			vals, err := DecodeFloats(nil, src, n)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			words := make([]string, n)
			for i, v := range vals {
				words[i] = fmt.Sprint(v)
				if math.IsNaN(v) {
					words[i] = fmt.Sprintf("NaN:%x", math.Float64bits(v))
				}
			}
			return strings.Join(words, " "), AppendFloats(nil, vals)
		},
	})
}
