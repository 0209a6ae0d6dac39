package part

import (
	"fmt"
	"hash/crc32"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
)

// writeBufferBytes is the size from which buffered units go to the file.
const writeBufferBytes = 256 << 10

// fileWriter writes one file of a part: a header, then units without gaps.
type fileWriter struct {
	name  string
	ident fileIdent
	id    uint64 // ident.id()
	f     vfs.File
	off   uint64 // bytes given to the file, buffered ones included
	crc   uint32 // of the bytes written
	buf   []byte
}

// createFile creates the file in the directory and buffers its header.
func createFile(fs vfs.FS, dir, name string, ident fileIdent) (*fileWriter, error) {
	f, err := fs.Create(fs.PathJoin(dir, name), vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", name, err)
	}
	w := &fileWriter{name: name, ident: ident, id: ident.id(), f: f}
	w.buf = appendHeader(nil, ident)
	w.off = uint64(len(w.buf))
	return w, nil
}

// unit frames the payload behind what was written before.
func (w *fileWriter) unit(payload []byte) (pageRef, error) {
	size := len(payload) + block.TrailerSize
	if size > maxUnitBytes {
		return pageRef{}, base.Errorf(base.ClassTooLarge, "%s: unit of %d bytes, at most %d", w.name, size, maxUnitBytes)
	}
	ref := pageRef{off: w.off, size: uint32(size)}
	w.buf = block.AppendPage(w.buf, block.PageIdentity(w.id, w.off), payload)
	w.off += uint64(size)
	if len(w.buf) >= writeBufferBytes {
		return ref, w.flush()
	}
	return ref, nil
}

// flush writes what is buffered.
func (w *fileWriter) flush() error {
	if len(w.buf) == 0 {
		return nil
	}
	w.crc = crc32.Update(w.crc, castagnoli, w.buf)
	if _, err := w.f.Write(w.buf); err != nil {
		return fmt.Errorf("write %s: %w", w.name, err)
	}
	w.buf = w.buf[:0]
	return nil
}

// finish writes the rest, makes the file durable and closes it.
func (w *fileWriter) finish() (FileMeta, error) {
	err := w.flush()
	if err == nil {
		if err = w.f.Sync(); err != nil {
			err = fmt.Errorf("sync %s: %w", w.name, err)
		}
	}
	if cerr := w.close(); err == nil {
		err = cerr
	}
	return FileMeta{Name: w.name, Bytes: int64(w.off), CRC: w.crc}, err
}

// close closes the file without making it durable.
func (w *fileWriter) close() error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f = nil
	if err != nil {
		return fmt.Errorf("close %s: %w", w.name, err)
	}
	return nil
}
