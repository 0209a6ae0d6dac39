package columnar

import (
	"errors"
	iofs "io/fs"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/part"
)

// version is a set of live parts. It is immutable but for its reference count,
// which Tablet.mu guards.
type version struct {
	refs  int
	snap  *manifest.Snapshot
	parts map[base.PartID]*part.Part // one reference each
}

// segmentDir is the directory name of the segment that starts at t: its UTC
// time, to the nanosecond only when it needs to be.
func segmentDir(start int64) string {
	t := time.Unix(0, start).UTC()
	if t.Nanosecond() != 0 {
		return t.Format("20060102T150405.000000000Z")
	}
	return t.Format("20060102T150405Z")
}

const quarantineDir = "quarantine"

// partDir returns the directory of a part.
func (t *Tablet) partDir(segment int64, id base.PartID) string {
	return t.o.FS.PathJoin(t.o.Dir, segmentDir(segment), id.String())
}

// removeDebris removes directories that no manifest entry names: parts of a
// flush or merge that a crash cut off, and empty segments. Damaged parts that a
// crash kept from being set aside are set aside now.
func (t *Tablet) removeDebris(snap *manifest.Snapshot) error {
	for i := range snap.Quarantined {
		if err := t.setAside(&snap.Quarantined[i]); err != nil {
			return err
		}
	}
	live := make(map[string]map[string]bool)
	for _, g := range snap.Segments {
		ids := make(map[string]bool)
		for _, p := range g.Parts {
			ids[p.ID.String()] = true
		}
		live[segmentDir(g.Start)] = ids
	}
	segments, err := t.o.FS.List(t.o.Dir)
	if err != nil {
		return err
	}
	for _, seg := range segments {
		dir := t.o.FS.PathJoin(t.o.Dir, seg)
		file, err := isFile(t.o.FS, dir)
		if err != nil {
			return err
		}
		if file || seg == quarantineDir {
			continue
		}
		parts, err := t.o.FS.List(dir)
		if err != nil {
			return err
		}
		kept := 0
		for _, p := range parts {
			if live[seg][p] {
				kept++
			} else if err := t.o.FS.RemoveAll(t.o.FS.PathJoin(dir, p)); err != nil {
				return err
			}
		}
		if kept == 0 {
			if err := t.o.FS.RemoveAll(dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func isDir(fs vfs.FS, path string) bool {
	info, err := fs.Stat(path)
	return err == nil && info.IsDir()
}

// isFile reports whether a name that was listed is a file. It is not the opposite
// of isDir: of a directory on two disks (package splitfs) a crash may leave the
// half that is listed and not found.
func isFile(fs vfs.FS, path string) (bool, error) {
	info, err := fs.Stat(path)
	if errors.Is(err, iofs.ErrNotExist) {
		return false, nil
	}
	return err == nil && !info.IsDir(), err
}
