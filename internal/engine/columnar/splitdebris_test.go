package columnar

import (
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/splitfs"
)

// TestSplitDebris: what a crash left of a segment on the disk of the index alone
// goes at the next start, as what it left on both does; live parts stay.
func TestSplitDebris(t *testing.T) {
	h := newHarness(t, 4, column.KeepAll)
	h.close()
	split, err := splitfs.New(h.fs, "data", "fast", part.IndexFiles()...)
	if err != nil {
		t.Fatal(err)
	}
	h.opts.FS, h.opts.Dir = split, "data/tablet"
	if h.tablet, err = Open(h.opts); err != nil {
		t.Fatal(err)
	}
	h.apply(50)
	if err := errors.Join(h.tablet.Flush(t.Context()), h.tablet.Close()); err != nil {
		t.Fatal(err)
	}
	left := []string{
		"fast/tablet/" + segmentDir(testEpoch-int64(testInterval)) + "/00000099",
		"fast/tablet/" + segmentDir(testEpoch) + "/00000098",
	}
	for _, dir := range left {
		if err := h.fs.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		f, err := h.fs.Create(dir+"/"+part.IndexFiles()[0], vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if h.tablet, err = Open(h.opts); err != nil {
		t.Fatal(err)
	}
	defer h.close()
	for _, dir := range left {
		if isDir(h.fs, dir) {
			t.Errorf("%s is left", dir)
		}
	}
	if n := h.rowsLeft(); n == 0 {
		t.Error("the rows are gone, too")
	}
}
