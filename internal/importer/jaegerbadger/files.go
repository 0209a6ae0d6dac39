package jaegerbadger

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// lockName is the file in which badger notes its process.
const lockName = "LOCK"

// storeFiles returns the names of badger's files in a directory, ascending.
func storeFiles(dir string) ([]string, error) {
	fs := vfs.Default
	all, err := fs.List(dir)
	if err != nil {
		return nil, base.Mark(base.ClassNotFound, err)
	}
	var names []string
	for _, name := range all {
		info, err := fs.Stat(fs.PathJoin(dir, name))
		if err != nil {
			return nil, err
		}
		if name != lockName && !info.IsDir() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// copyStore copies a store into a directory of which nothing is there yet, and
// returns where.
func copyStore(keys, values, to string) (newKeys, newValues string, err error) {
	fs := vfs.Default
	if err := outside(to, keys, values); err != nil {
		return "", "", fmt.Errorf("copy: %w", err)
	}
	if there, err := fs.List(to); err == nil && len(there) > 0 {
		return "", "", base.Errorf(base.ClassConflict, "%s is not empty: the copy wants a directory of its own", to)
	}
	newKeys, newValues = fs.PathJoin(to, "keys"), fs.PathJoin(to, "values")
	if keys == values {
		newValues = newKeys
	}
	if err := copyFiles(keys, newKeys); err != nil {
		return "", "", err
	}
	if keys != values {
		err = copyFiles(values, newValues)
	}
	return newKeys, newValues, err
}

func copyFiles(from, to string) error {
	fs := vfs.Default
	if err := fs.MkdirAll(to, 0o700); err != nil {
		return err
	}
	names, err := storeFiles(from)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := copyFile(fs.PathJoin(from, name), fs.PathJoin(to, name)); err != nil {
			return err
		}
	}
	return nil
}

// copyFile copies a file and leaves out blocks of zeros, of which a log that was
// not closed has gigabytes.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	buf, zeros := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := dataAfter(in, 0, info.Size()); at < info.Size(); at = dataAfter(in, at, info.Size()) {
		block := buf[:min(int64(len(buf)), info.Size()-at)]
		if _, err := in.ReadAt(block, at); err != nil {
			return err
		}
		if !bytes.Equal(block, zeros[:len(block)]) {
			if _, err := out.WriteAt(block, at); err != nil {
				return err
			}
		}
		at += int64(len(block))
	}
	return out.Sync()
}

// dataAfter returns the first offset from at on where a file of that size may
// hold something else than zeros: behind a hole, where the system tells.
func dataAfter(f *os.File, at, size int64) int64 {
	const seekData = 3 // of Linux's lseek
	if runtime.GOOS != "linux" {
		return at
	}
	next, err := f.Seek(at, seekData)
	switch {
	case errors.Is(err, syscall.ENXIO): // only a hole is left
		return size
	case err != nil:
		return at
	default:
		return next
	}
}

// readFile returns the first bytes of a file, at most so many.
func readFile(fs vfs.FS, path string, most int64) (data []byte, err error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, most))
}
