package bytesenc

import (
	"strconv"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/pandodb/pando/internal/encoding/goldentest"
)

func TestGoldenBytes(t *testing.T) {
	goldentest.Run(t, "testdata/golden", map[string]goldentest.Codec{
		"strings": func(t *testing.T, d *datadriven.TestData, src []byte) (string, []byte) {
			var n int
			d.ScanArgs(t, "n", &n)
			page, err := DecodeStrings(Strings{}, src, n, 1<<16)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			lines := make([]string, n)
			for i := range lines {
				lines[i] = strconv.Quote(string(page.Value(i)))
			}
			return strings.Join(lines, "\n"), AppendStrings(nil, page.Offsets, page.Data)
		},
	})
}
