package part

import (
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
)

// fileReader reads the units of one file of a part. It opens the file at the
// first read, so that an open part that nobody asks costs no descriptor. Safe
// for concurrent use until close.
type fileReader struct {
	fs    vfs.FS
	path  string
	ident fileIdent
	id    uint64 // ident.id()
	size  int64  // as metadata.json says

	f  atomic.Pointer[vfs.File]
	mu sync.Mutex // held to open and close
}

// newFileReader checks that the file is there with its length.
func newFileReader(fs vfs.FS, path string, ident fileIdent, size int64) (*fileReader, error) {
	info, err := fs.Stat(path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return nil, base.Corruptionf(path, 0, "file is missing")
	case err != nil:
		return nil, err
	case info.Size() != size:
		return nil, base.Corruptionf(path, min(info.Size(), size), "file has %d bytes, want %d", info.Size(), size)
	}
	return &fileReader{fs: fs, path: path, ident: ident, id: ident.id(), size: size}, nil
}

// file returns the open file.
func (r *fileReader) file() (vfs.File, error) {
	if f := r.f.Load(); f != nil {
		return *f, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.f.Load(); f != nil {
		return *f, nil
	}
	f, err := r.fs.Open(r.path)
	if err != nil {
		if errors.Is(err, iofs.ErrNotExist) {
			return nil, base.Corruptionf(r.path, 0, "file is missing")
		}
		return nil, err
	}
	head := make([]byte, headerSize)
	if err = readAt(f, r.path, head, 0); err == nil {
		err = checkHeader(head, r.ident)
		if err != nil {
			err = at(r.path, 0, err)
		}
	}
	if err != nil {
		_ = f.Close() // read only: nothing is lost
		return nil, err
	}
	r.f.Store(&f)
	return f, nil
}

// close closes the file. No read may be under way.
func (r *fileReader) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.f.Swap(nil)
	if f == nil {
		return nil
	}
	return (*f).Close()
}

// unit reads the unit and returns its payload, in memory of its own.
func (r *fileReader) unit(ref pageRef) ([]byte, error) {
	buf, err := r.span(nil, ref.off, int(ref.size))
	if err != nil {
		return nil, err
	}
	return r.check(buf, ref.off)
}

// span reads size bytes at off into buf, which it grows as needed.
func (r *fileReader) span(buf []byte, off uint64, size int) ([]byte, error) {
	if size < block.TrailerSize || off < headerSize || off > uint64(r.size) || uint64(size) > uint64(r.size)-off {
		return buf, base.Corruptionf(r.path, int64(min(off, uint64(r.size))), "unit of %d bytes in a file of %d", size, r.size)
	}
	f, err := r.file()
	if err != nil {
		return buf, err
	}
	if cap(buf) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	return buf, readAt(f, r.path, buf, int64(off))
}

// check verifies a framed unit that was read from off and returns its payload.
func (r *fileReader) check(framed []byte, off uint64) ([]byte, error) {
	payload, err := block.CheckPage(framed, block.PageIdentity(r.id, off))
	if err != nil {
		return nil, at(r.path, int64(off), err)
	}
	return payload, nil
}

// readAt fills buf. A file that ends early is damaged.
func readAt(f vfs.File, path string, buf []byte, off int64) error {
	n, err := f.ReadAt(buf, off)
	if n == len(buf) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return base.Corruptionf(path, off+int64(n), "file ends early")
	}
	return fmt.Errorf("read %s: %w", path, err)
}

// readWhole reads a file of at most limit bytes.
func readWhole(fs vfs.FS, path string, limit int64) ([]byte, error) {
	f, err := fs.Open(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, base.Corruptionf(path, 0, "file is missing")
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // read only: nothing is lost
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, base.Corruptionf(path, 0, "file of %d bytes, at most %d", info.Size(), limit)
	}
	buf := make([]byte, info.Size())
	return buf, readAt(f, path, buf, 0)
}

// at puts the place before a corruption error; others pass. Where a page refers
// to another, the last place named is the damaged one.
func at(path string, off int64, err error) error {
	if err == nil || !base.IsCorruption(err) {
		return err
	}
	return base.Corruptionf(path, off, "%w", err)
}
