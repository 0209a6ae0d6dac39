package splitfs

import (
	"errors"
	iofs "io/fs"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// FS is a file system with a tree that is spread over two roots. Paths outside of
// the tree mean what they always do. It is safe for concurrent use as far as the
// file system below is.
type FS struct {
	vfs.FS
	first, second string
	names         []string
}

var _ vfs.FS = (*FS)(nil)

// New returns fs with the files of the given names below the directory first
// kept below the directory second instead. Neither root may lie in the other.
func New(fs vfs.FS, first, second string, names ...string) (*FS, error) {
	if first == "" || second == "" || within(first, second) || within(second, first) {
		return nil, base.Errorf(base.ClassInvalid, "directories %q and %q: want two, of which neither lies in the other", first, second)
	}
	return &FS{FS: fs, first: first, second: second, names: names}, nil
}

// within reports whether path is root or lies below it.
func within(path, root string) bool {
	rest, ok := strings.CutPrefix(path, root)
	return ok && (rest == "" || isSeparator(rest[0]) || isSeparator(root[len(root)-1]))
}

// isSeparator takes Windows's for one everywhere: names of ours have neither.
func isSeparator(c byte) bool { return c == '/' || c == '\\' }

// twin returns the path's place under the second root, and false for a path
// outside of the tree.
func (f *FS) twin(path string) (string, bool) {
	if !within(path, f.first) {
		return "", false
	}
	return f.PathJoin(f.second, path[len(f.first):]), true
}

// place returns where the file of that name lies.
func (f *FS) place(path string) string {
	if slices.Contains(f.names, f.PathBase(path)) {
		if twin, ok := f.twin(path); ok {
			return twin
		}
	}
	return path
}

// Create implements vfs.FS.
func (f *FS) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.FS.Create(f.place(name), c)
}

// Link implements vfs.FS.
func (f *FS) Link(oldname, newname string) error {
	return f.FS.Link(f.place(oldname), f.place(newname))
}

// Open implements vfs.FS.
func (f *FS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.FS.Open(f.place(name), opts...)
}

// OpenReadWrite implements vfs.FS.
func (f *FS) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.FS.OpenReadWrite(f.place(name), c, opts...)
}

// ReuseForWrite implements vfs.FS.
func (f *FS) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.FS.ReuseForWrite(f.place(oldname), f.place(newname), c)
}

// Stat implements vfs.FS.
func (f *FS) Stat(name string) (vfs.FileInfo, error) { return f.FS.Stat(f.place(name)) }

// Remove implements vfs.FS; a directory goes from both roots.
func (f *FS) Remove(name string) error {
	place := f.place(name)
	twin, ok := f.twin(name)
	if !ok || place != name {
		return f.FS.Remove(place)
	}
	return errors.Join(f.FS.Remove(name), ignoreMissing(f.FS.Remove(twin)))
}

// RemoveAll implements vfs.FS.
func (f *FS) RemoveAll(name string) error {
	place := f.place(name)
	twin, ok := f.twin(name)
	if !ok || place != name {
		return f.FS.RemoveAll(place)
	}
	return errors.Join(f.FS.RemoveAll(name), f.FS.RemoveAll(twin))
}

// Rename implements vfs.FS. Renaming a directory is two steps: see the package.
func (f *FS) Rename(oldname, newname string) error {
	from, to := f.place(oldname), f.place(newname)
	twin, ok := f.twin(oldname)
	if !ok || from != oldname {
		return f.FS.Rename(from, to)
	}
	target, ok := f.twin(newname)
	if !ok {
		return base.Errorf(base.ClassBug, "rename of %s to %s leaves the tree", oldname, newname)
	}
	if _, err := f.FS.Stat(twin); err == nil {
		if err := f.FS.Rename(twin, target); err != nil {
			return err
		}
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	return f.FS.Rename(from, to)
}

// MkdirAll implements vfs.FS, under both roots.
func (f *FS) MkdirAll(dir string, perm iofs.FileMode) error {
	if twin, ok := f.twin(dir); ok {
		if err := f.FS.MkdirAll(twin, perm); err != nil {
			return err
		}
	}
	return f.FS.MkdirAll(dir, perm)
}

// List implements vfs.FS: names under either root.
func (f *FS) List(dir string) ([]string, error) {
	names, err := f.FS.List(dir)
	twin, ok := f.twin(dir)
	if !ok || err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return names, err
	}
	more, terr := f.FS.List(twin)
	if terr != nil {
		if errors.Is(terr, iofs.ErrNotExist) {
			return names, err
		}
		return nil, terr
	}
	names = append(names, more...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// OpenDir implements vfs.FS: a sync reaches both roots.
func (f *FS) OpenDir(name string) (vfs.File, error) {
	dir, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	path, ok := f.twin(name)
	if !ok {
		return dir, nil
	}
	twin, err := f.FS.OpenDir(path)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return dir, nil
	case err != nil:
		return nil, errors.Join(err, dir.Close())
	}
	return &bothDirs{File: dir, twin: twin}, nil
}

// GetDiskUsage implements vfs.FS: of the root with less room.
func (f *FS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	u, err := f.FS.GetDiskUsage(path)
	twin, ok := f.twin(path)
	if err != nil || !ok {
		return u, err
	}
	v, err := f.FS.GetDiskUsage(twin)
	if err == nil && v.AvailBytes < u.AvailBytes {
		u = v
	}
	return u, err
}

// Unwrap implements vfs.FS.
func (f *FS) Unwrap() vfs.FS { return f.FS }

// bothDirs is a directory under both roots, open to be synced.
type bothDirs struct {
	vfs.File
	twin vfs.File
}

// Sync implements vfs.File.
func (d *bothDirs) Sync() error { return errors.Join(d.twin.Sync(), d.File.Sync()) }

// Close implements vfs.File.
func (d *bothDirs) Close() error { return errors.Join(d.twin.Close(), d.File.Close()) }

func ignoreMissing(err error) error {
	if errors.Is(err, iofs.ErrNotExist) {
		return nil
	}
	return err
}
