package manifest

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"math"
	"slices"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

const (
	magic       = "PNMF"
	version     = 1
	headerBytes = 16
	suffix      = ".snp"
	// maxBytes bounds what Load reads: about 100,000 parts.
	maxBytes = 32 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Part is one live part.
type Part struct {
	ID    base.PartID `json:"id"`
	Level int         `json:"level"` // 0 flushed, 1 and 2 merged
	Rows  int         `json:"rows"`
	Bytes int64       `json:"bytes"`
	Start int64       `json:"start"` // Unix nanoseconds of the earliest row
	End   int64       `json:"end"`   // exclusive
}

// Segment is a time partition with its live parts, ascending by ID.
type Segment struct {
	Start int64  `json:"start"` // Unix nanoseconds
	End   int64  `json:"end"`   // exclusive
	Parts []Part `json:"parts"`
}

// Snapshot is the state of a tablet on disk. Treat it as immutable once given
// to Store.Save.
type Snapshot struct {
	Epoch uint64 `json:"epoch"`
	// Flushed is the log position up to which every row is in a part: replay
	// starts behind it.
	Flushed base.Position `json:"flushed"`
	// NextPart is greater than every part ID ever used.
	NextPart base.PartID `json:"next_part"`
	Segments []Segment   `json:"segments"` // ascending by Start
	// Quarantined lists parts set aside as damaged: answers without them are
	// partial until an operator removes them.
	Quarantined []Quarantined `json:"quarantined,omitempty"`
}

// Quarantined is a part that was found damaged. Its directory was renamed, not
// removed.
type Quarantined struct {
	Part
	Segment int64  `json:"segment"` // start of its segment
	Reason  string `json:"reason"`
}

// ErrInDoubt marks errors of Save after which the disk may hold the old or the
// new snapshot. Without it the old one is certain.
var ErrInDoubt = errors.New("manifest in doubt")

// Clone returns a deep copy, for the next edit.
func (s *Snapshot) Clone() *Snapshot {
	c := *s
	c.Segments = slices.Clone(s.Segments)
	c.Quarantined = slices.Clone(s.Quarantined)
	for i := range c.Segments {
		c.Segments[i].Parts = slices.Clone(c.Segments[i].Parts)
	}
	return &c
}

// Segment returns the segment that starts at r.Start, adding it when missing.
func (s *Snapshot) Segment(r base.TimeRange) *Segment {
	i, ok := slices.BinarySearchFunc(s.Segments, r.Start, func(g Segment, t int64) int {
		return int(min(max(g.Start-t, -1), 1))
	})
	if !ok {
		s.Segments = slices.Insert(s.Segments, i, Segment{Start: r.Start, End: r.End})
	}
	return &s.Segments[i]
}

// Store reads and writes the snapshots of one directory.
type Store struct {
	fs   vfs.FS
	dir  string
	last uint64 // epoch of the newest durable snapshot, 0 for none
}

// NewStore returns the store of dir, which must exist.
func NewStore(fs vfs.FS, dir string) *Store { return &Store{fs: fs, dir: dir} }

// Load returns the newest snapshot, an empty one for a new directory, or a
// base.ClassCorruption error when the newest is damaged.
func (s *Store) Load() (*Snapshot, error) {
	epochs, err := s.list()
	if err != nil {
		return nil, err
	}
	if len(epochs) == 0 {
		return &Snapshot{NextPart: 1}, nil
	}
	newest := epochs[len(epochs)-1]
	snap, err := ReadEpoch(s.fs, s.dir, newest)
	if err != nil {
		return nil, err
	}
	for _, old := range epochs[:len(epochs)-1] {
		if err := s.fs.Remove(s.path(old)); err != nil {
			return nil, err
		}
	}
	s.last = newest
	return snap, nil
}

// Newest returns the epoch of the newest snapshot in dir, zero when there is none
// or no directory. It changes nothing: another process may own dir.
func Newest(fs vfs.FS, dir string) (uint64, error) {
	names, err := fs.List(dir)
	if errors.Is(err, iofs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	newest := uint64(0)
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		epoch, err := parseName(fs, dir, name)
		if err != nil {
			return 0, err
		}
		newest = max(newest, epoch)
	}
	return newest, nil
}

// ReadEpoch reads the snapshot of an epoch in dir. It may have been replaced by a
// newer one and be gone, which is an fs.ErrNotExist.
func ReadEpoch(fs vfs.FS, dir string, epoch uint64) (*Snapshot, error) {
	path := pathOf(fs, dir, epoch)
	snap, err := Read(fs, path)
	if err != nil {
		return nil, err
	}
	if snap.Epoch != epoch {
		return nil, base.Corruptionf(path, headerBytes, "holds epoch %d", snap.Epoch)
	}
	return snap, nil
}

// Rescue is for a directory whose newest snapshot is damaged, and for one without
// any: it copies what snapshot files there are into the directory aside, which it
// makes when there are some, and makes snap the newest. It returns the copies. The
// caller has found out by itself what snap must say.
func (s *Store) Rescue(snap *Snapshot, aside string) (copies []string, err error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	var strange []string // not names of ours: Load would stumble over them
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if len(copies) == 0 {
			if err := s.fs.MkdirAll(aside, 0o700); err != nil {
				return nil, err
			}
		}
		path, to := s.fs.PathJoin(s.dir, name), s.fs.PathJoin(aside, name)
		if err := vfs.Copy(s.fs, path, to); err != nil {
			return copies, err
		}
		copies = append(copies, to)
		if epoch, err := parseName(s.fs, s.dir, name); err == nil && epoch < math.MaxUint64 {
			s.last = max(s.last, epoch)
		} else {
			strange = append(strange, path)
		}
	}
	if len(copies) > 0 {
		if err := errors.Join(syncDir(s.fs, aside), syncDir(s.fs, s.fs.PathDir(aside))); err != nil {
			return copies, err
		}
	}
	if err := s.Save(snap); err != nil {
		return copies, err
	}
	// Only now: a directory that a crash left without any snapshot would be taken
	// for a new one, and its parts for debris.
	for _, path := range strange {
		if err := s.fs.Remove(path); err != nil {
			return copies, err
		}
	}
	if len(strange) == 0 {
		return copies, nil
	}
	return copies, syncDir(s.fs, s.dir)
}

// Save makes snap durable under the next epoch, which it sets, and removes the
// older snapshot. An error marked ErrInDoubt leaves open which of the two the
// disk holds: the caller must not go on with the tablet. After any other error
// the old one stands and Save may be tried again.
func (s *Store) Save(snap *Snapshot) error {
	snap.Epoch = s.last + 1
	body, err := json.Marshal(snap)
	if err != nil {
		return err
	}
	if len(body) > maxBytes {
		return base.Errorf(base.ClassTooLarge, "manifest of %d bytes: at most %d", len(body), maxBytes)
	}
	buf := make([]byte, 0, headerBytes+len(body))
	buf = append(buf, magic...)
	buf = binary.LittleEndian.AppendUint32(buf, version)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(body)))
	buf = binary.LittleEndian.AppendUint32(buf, checksum(version, body))
	path := s.path(snap.Epoch)
	if err := s.publish(path, append(buf, body...)); err != nil {
		return fmt.Errorf("manifest %s: %w", path, err)
	}
	old := s.last
	s.last = snap.Epoch
	if old != 0 {
		// Left behind, it does no harm: Load takes the newest and removes others.
		_ = s.fs.Remove(s.path(old))
	}
	return nil
}

func (s *Store) publish(path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := s.fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := s.fs.Rename(tmp, path); err != nil {
		return errors.Join(ErrInDoubt, err)
	}
	if err := syncDir(s.fs, s.dir); err != nil {
		return errors.Join(ErrInDoubt, err)
	}
	return nil
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// list returns the epochs on disk, ascending, and removes temporary debris.
func (s *Store) list() ([]uint64, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	var epochs []uint64
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			if strings.HasSuffix(name, suffix+".tmp") {
				if err := s.fs.Remove(s.fs.PathJoin(s.dir, name)); err != nil {
					return nil, err
				}
			}
			continue
		}
		epoch, err := parseName(s.fs, s.dir, name)
		if err != nil {
			return nil, err
		}
		epochs = append(epochs, epoch)
	}
	slices.Sort(epochs)
	return epochs, nil
}

func (s *Store) path(epoch uint64) string { return pathOf(s.fs, s.dir, epoch) }

func pathOf(fs vfs.FS, dir string, epoch uint64) string {
	return fs.PathJoin(dir, fmt.Sprintf("%016x%s", epoch, suffix))
}

// parseName returns the epoch that a snapshot's file name tells.
func parseName(fs vfs.FS, dir, name string) (epoch uint64, err error) {
	path := fs.PathJoin(dir, name)
	n, err := fmt.Sscanf(name, "%016x"+suffix, &epoch)
	if n != 1 || err != nil || pathOf(fs, dir, epoch) != path {
		return 0, base.Corruptionf(path, 0, "not a manifest name")
	}
	return epoch, nil
}

func checksum(version uint32, body []byte) uint32 {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], version)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(body)))
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, body)
}

// Read reads one snapshot file and checks every byte of it. A sound one of a
// version that this program does not know is an error of class invalid.
func Read(fs vfs.FS, path string) (*Snapshot, error) {
	f, err := fs.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, headerBytes+maxBytes+1))
	if err != nil {
		return nil, err
	}
	return decode(path, data)
}

func decode(path string, data []byte) (*Snapshot, error) {
	if len(data) < headerBytes || string(data[:4]) != magic {
		return nil, base.Corruptionf(path, 0, "not a manifest")
	}
	got := binary.LittleEndian.Uint32(data[4:])
	body := data[headerBytes:]
	if n := binary.LittleEndian.Uint32(data[8:]); int64(n) != int64(len(body)) {
		return nil, base.Corruptionf(path, 8, "length %d, file holds %d", n, len(body))
	}
	if binary.LittleEndian.Uint32(data[12:]) != checksum(got, body) {
		return nil, base.Corruptionf(path, 12, "checksum does not match")
	}
	if got != version { // sound, so no damage: nobody may repair it away
		return nil, base.Errorf(base.ClassInvalid, "%s: manifest version %d: this program reads version %d", path, got, version)
	}
	var snap Snapshot
	if err := json.Unmarshal(body, &snap); err != nil {
		return nil, base.Corruptionf(path, headerBytes, "body: %w", err)
	}
	return &snap, nil
}
