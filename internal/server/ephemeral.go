package server

import (
	"github.com/cockroachdb/pebble/v2/vfs"
)

// minEphemeral is the least memory for a store without a disk: a log segment, a
// memtable of every tablet, and some parts.
const minEphemeral = 128 << 20

// ephemeralFS is a disk in memory with a size.
type ephemeralFS struct {
	vfs.FS
	size uint64
}

func newEphemeralFS(size Size) *ephemeralFS {
	return &ephemeralFS{FS: vfs.NewMem(), size: uint64(size)}
}

// GetDiskUsage tells how much of the size the files below path leave.
func (f *ephemeralFS) GetDiskUsage(path string) (vfs.DiskUsage, error) {
	used := f.bytes(path)
	u := vfs.DiskUsage{TotalBytes: f.size, UsedBytes: used}
	if used < f.size {
		u.AvailBytes = f.size - used
	}
	return u, nil
}

// Unwrap implements vfs.FS.
func (f *ephemeralFS) Unwrap() vfs.FS { return f.FS }

// bytes sums up the files below path. What is removed meanwhile counts nothing.
func (f *ephemeralFS) bytes(path string) (sum uint64) {
	info, err := f.Stat(path)
	if err != nil {
		return 0
	}
	if !info.IsDir() {
		return uint64(info.Size())
	}
	names, err := f.List(path)
	if err != nil {
		return 0
	}
	for _, name := range names {
		sum += f.bytes(f.PathJoin(path, name))
	}
	return sum
}
