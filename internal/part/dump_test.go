package part

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

var rewrite = flag.Bool("rewrite", false, "rewrite golden files")

// goldenTwin is a table small enough to read in hex: three traces of five
// spans, cut into blocks of two rows and more.
func goldenTwin() *twin {
	t := &twin{layout: testLayout(2)}
	add := func(trace byte, time int64, id uint64) {
		t.keys = append(t.keys, traceKey(7, [16]byte{15: trace}))
		t.times, t.ids = append(t.times, time), append(t.ids, id)
	}
	add(3, 1000, 1) // traces are ordered by the hash of their id
	add(3, 1010, 2)
	add(3, 1010, 3)
	add(2, 1005, 4)
	add(1, 1007, 5)
	set := func(id column.ID, vals ...any) {
		c := twinColumn{id: id, vals: make([]*column.Value, len(vals))}
		for i, v := range vals {
			switch v := v.(type) {
			case int:
				c.vals[i] = &column.Value{Type: id.Type, Int: int64(v)}
			case float64:
				c.vals[i] = &column.Value{Type: id.Type, Float: v}
			case string:
				c.vals[i] = &column.Value{Type: id.Type, Bytes: []byte(v)}
			}
		}
		t.cols = append(t.cols, c)
	}
	set(column.ID{Type: column.Doc, Name: "docs"}, "a,b", "a,b", "a,b", "c", "c")
	set(column.ID{Type: column.Int64, Name: "duration"}, 10, 5, 7, 900, 31)
	set(column.ID{Type: column.String, Name: "name"}, "GET", "PUT", "GET", "GET", "PUT")
	set(column.ID{Type: column.Int64, Name: "parent"}, 0, 1, 1, nil, nil)
	set(column.ID{Family: 1, Type: column.String, Name: "url"}, "/cart/17", nil, "/cart/23", "/", nil)
	set(column.ID{Family: 3, Type: column.Float64, Name: "ratio"}, nil, 0.5, 0.5, nil, 0.25)
	return t
}

func TestDumpIsGolden(t *testing.T) {
	for _, wide := range []bool{false, true} {
		name := "packed.txt"
		if wide {
			name = "wide.txt"
		}
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			tw := goldenTwin()
			if err := tw.writeColumns(fs, wide); err != nil {
				t.Fatal(err)
			}
			if err := Verify(fs, "p"); err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := Dump(fs, "p", &got); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", name)
			if *rewrite {
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Errorf("dump differs from %s; if the format was meant to change, raise its version and run with -rewrite:\n%s", path, got.Bytes())
			}
		})
	}
}

// writeColumns writes the table with plain calls, without random choices.
func (t *twin) writeColumns(fs vfs.FS, wide bool) error {
	w, err := NewWriter(WriterOptions{FS: fs, Dir: "p", Tablet: 4, ID: 5, Layout: t.layout, Wide: wide})
	if err != nil {
		return err
	}
	if err := w.AddRows(t.identity(0, t.rows())); err != nil {
		return err
	}
	if err := w.FinishRows(); err != nil {
		return err
	}
	for i := range t.cols {
		c, err := w.Column(t.cols[i].id)
		if err != nil {
			return err
		}
		if err := t.cols[i].writePiece(c, 0, t.rows(), nil, nil, 1); err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	_, err = w.Finish()
	return err
}

func TestDumpRefusesDamage(t *testing.T) {
	fs, _, m := smallPart(t, true)
	for _, f := range m.Files {
		body := contents(t, fs, f.Name)
		flipped := bytes.Clone(body)
		flipped[len(body)/2] ^= 4
		replace(t, fs, f.Name, flipped)
		if err := Dump(fs, "p", new(bytes.Buffer)); !base.IsCorruption(err) {
			t.Errorf("%s: %v", f.Name, err)
		}
		replace(t, fs, f.Name, body)
	}
}
