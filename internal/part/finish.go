package part

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/filter"
)

// Finish writes the rest of the part, makes it durable and gives it its name:
// the part exists whole from now on, or an error is returned and it does not.
func (w *Writer) Finish() (Meta, error) {
	if w.state != stateColumns {
		return Meta{}, base.Errorf(base.ClassBug, "Finish in state %d", w.state)
	}
	m, err := w.finish()
	if err != nil {
		return Meta{}, errors.Join(fmt.Errorf("finish part %s: %w", w.o.Dir, err), w.Abort())
	}
	w.state = stateDone
	w.column.release()
	return m, nil
}

func (w *Writer) finish() (Meta, error) {
	if err := w.pages.finish(); err != nil {
		return Meta{}, err
	}
	if err := w.writePrimary(); err != nil {
		return Meta{}, err
	}
	if err := w.writeKeyFilter(); err != nil {
		return Meta{}, err
	}
	if err := w.finishFile(w.index); err != nil {
		return Meta{}, err
	}
	if err := w.writeMeta(); err != nil {
		return Meta{}, err
	}
	m := w.metadata()
	if err := w.writeMetadata(&m); err != nil {
		return Meta{}, err
	}
	return m, w.publish()
}

// AddProjection stores bytes with the part that Projection gives back: an answer
// computed from its rows, such as the distinct values of some columns. Names come
// ascending; it is called between the last column and Finish.
func (w *Writer) AddProjection(name string, data []byte) error {
	n := len(w.meta.projections)
	if w.state != stateColumns || n > 0 && w.meta.projections[n-1].name >= name {
		return base.Errorf(base.ClassBug, "projection %q in state %d, after %d others", name, w.state, n)
	}
	ref, err := w.index.unit(data)
	if err != nil {
		return err
	}
	w.meta.projections = append(w.meta.projections, projectionMeta{name: name, ref: ref})
	return nil
}

func (w *Writer) writePrimary() error {
	f, err := w.createFile(primaryName, kindPrimary, 0)
	if err != nil {
		return err
	}
	cursors := make([]int, len(w.dir.columns))
	for first := 0; first < len(w.meta.blocks); first += chunkBlocks {
		w.buf = w.dir.appendChunk(w.buf[:0], w.o.Wide, first, cursors)
		ref, err := f.unit(w.buf)
		if err != nil {
			return err
		}
		w.meta.chunks = append(w.meta.chunks, ref)
	}
	return w.finishFile(f)
}

func (w *Writer) writeKeyFilter() error {
	w.meta.keys = len(w.keyHashes)
	payload, err := filter.AppendFuse(w.buf[:0], w.keyHashes)
	if err != nil {
		return err
	}
	w.buf = payload
	if w.meta.keyFilter, err = w.filter.unit(payload); err != nil {
		return err
	}
	return w.finishFile(w.filter)
}

func (w *Writer) writeMeta() error {
	f, err := w.createFile(metaName, kindMeta, 0)
	if err != nil {
		return err
	}
	w.buf = w.meta.append(w.buf[:0])
	if _, err := f.unit(w.buf); err != nil {
		return err
	}
	return w.finishFile(f)
}

// metadata returns what metadata.json says; all other files are finished.
func (w *Writer) metadata() Meta {
	m := Meta{
		ID: w.o.ID, Tablet: w.o.Tablet, Layout: w.o.Layout.Name, Wide: w.o.Wide,
		Rows: w.meta.rows, Blocks: len(w.meta.blocks), Keys: w.meta.keys, Columns: len(w.meta.columns),
		Time:   w.meta.timeRange(),
		MinKey: w.minKey, MaxKey: w.lastKey,
		Files: w.files,
	}
	for _, f := range w.o.Layout.Families {
		m.Families = append(m.Families, f.Name)
	}
	slices.SortFunc(m.Files, func(a, b FileMeta) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range m.Files {
		m.Bytes += f.Bytes
	}
	return m
}

// writeMetadata writes metadata.json, which has no header.
func (w *Writer) writeMetadata(m *Meta) error {
	body, err := encodeMetadata(m)
	if err != nil {
		return err
	}
	f, err := w.o.FS.Create(w.o.FS.PathJoin(w.tmp, metadataName), vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err = f.Write(body); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// publish makes the temporary directory durable and renames it.
func (w *Writer) publish() error {
	fs := w.o.FS
	if err := syncDir(fs, w.tmp); err != nil {
		return err
	}
	if err := fs.Rename(w.tmp, w.o.Dir); err != nil {
		return err
	}
	if err := syncDir(fs, fs.PathDir(w.o.Dir)); err != nil {
		// The name may or may not survive a crash: the part must not be seen.
		return errors.Join(err, fs.RemoveAll(w.o.Dir))
	}
	return nil
}

// syncDir makes a directory's entries durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Abort removes what was written. It does nothing after Finish or Abort.
func (w *Writer) Abort() error {
	if w.state == stateDone {
		return nil
	}
	w.state = stateDone
	w.column.release()
	var errs []error
	for _, f := range w.open {
		errs = append(errs, f.close())
	}
	errs = append(errs, w.o.FS.RemoveAll(w.tmp))
	return errors.Join(errs...)
}
