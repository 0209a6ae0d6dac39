package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

const (
	segmentMagic   = "PandoLog"
	segmentVersion = 1
	// headerBytes is the room of the segment header: one block of every disk
	// we know, so that writing records never rewrites the header's block.
	headerBytes = 4096
	headerUsed  = 64
	// fillStep is how much of a new segment is zeroed between two syncs. It
	// bounds how long a group commit can queue behind the filling.
	fillStep = 1 << 20

	logSuffix  = ".log"
	tempSuffix = ".tmp"
	lockName   = "LOCK"
)

// identity names one log for its lifetime. Every segment carries it, and it
// is part of every checksum.
type identity [16]byte

// segment is one file of the log.
//
// Locking: mu keeps the file open while it is read. The file is written only
// by the writer goroutine.
type segment struct {
	number   uint64
	path     string
	capacity int64 // size of the file
	seed     uint32
	mu       struct {
		sync.RWMutex
		file vfs.File // nil once the segment is gone
	}
}

// segmentName returns the file name of a segment.
func segmentName(number uint64, suffix string) string {
	return fmt.Sprintf("%016x%s", number, suffix)
}

// parseSegmentName is the inverse of segmentName for live segments.
func parseSegmentName(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, logSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 16, 64)
	return n, err == nil && n > 0 && segmentName(n, logSuffix) == name
}

// listSegments returns the numbers of the segments in dir, ascending and without
// a gap, and the names of temporary files a crash left.
func listSegments(fs vfs.FS, dir string) (numbers []uint64, temps []string, err error) {
	if numbers, temps, err = listFiles(fs, dir); err != nil {
		return nil, nil, err
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] != numbers[i-1]+1 {
			return nil, nil, base.Corruptionf(fs.PathJoin(dir, segmentName(numbers[i-1]+1, logSuffix)), 0,
				"segment is missing: %d follows %d", numbers[i], numbers[i-1])
		}
	}
	return numbers, temps, nil
}

// listFiles is listSegments with any gaps.
func listFiles(fs vfs.FS, dir string) (numbers []uint64, temps []string, err error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, nil, fmt.Errorf("list log %s: %w", dir, err)
	}
	for _, name := range names {
		if n, ok := parseSegmentName(name); ok {
			numbers = append(numbers, n)
		}
		if strings.HasSuffix(name, tempSuffix) {
			temps = append(temps, name)
		}
	}
	slices.Sort(numbers)
	return numbers, temps, nil
}

// header is the content of a segment header.
type header struct {
	id       identity
	number   uint64
	capacity int64
}

// encode returns the headerUsed bytes of h.
func (h header) encode() []byte {
	le := binary.LittleEndian
	b := append(make([]byte, 0, headerUsed), segmentMagic...)
	b = le.AppendUint32(b, segmentVersion)
	b = le.AppendUint32(b, headerBytes)
	b = append(b, h.id[:]...)
	b = le.AppendUint64(b, h.number)
	b = le.AppendUint64(b, uint64(h.capacity))
	b = append(b, zeros[:12]...)
	return le.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// decodeHeader decodes a segment header. The error is plain, the caller knows the
// file, or of class invalid: a sound header of another version is no damage.
func decodeHeader(b []byte) (header, error) {
	le := binary.LittleEndian
	if len(b) < headerUsed || string(b[:8]) != segmentMagic {
		return header{}, errors.New("no segment header")
	}
	if sum := crc32.Checksum(b[:60], castagnoli); sum != le.Uint32(b[60:]) {
		return header{}, fmt.Errorf("segment header: checksum %08x, want %08x", sum, le.Uint32(b[60:]))
	}
	if v := le.Uint32(b[8:]); v != segmentVersion {
		return header{}, base.Errorf(base.ClassInvalid, "segment version %d, this build reads %d", v, segmentVersion)
	}
	if n := le.Uint32(b[12:]); n != headerBytes || !bytes.Equal(b[48:60], zeros[:12]) {
		return header{}, errors.New("segment header: reserved bytes are set")
	}
	h := header{number: le.Uint64(b[32:]), capacity: int64(le.Uint64(b[40:]))}
	copy(h.id[:], b[16:32])
	if h.capacity < headerBytes || h.capacity > maxSegmentBytes {
		return header{}, fmt.Errorf("segment header: capacity %d", h.capacity)
	}
	return h, nil
}

// seed returns the start of every checksum in the segment: what file it is.
func (h header) seed() uint32 {
	return crc32.Checksum(h.encode()[:40], castagnoli)
}

// createTemp makes a segment under its temporary name: space allocated, size
// fixed, header written, everything synced. With fill, every byte is written
// once, so that later syncs change no metadata (measured: 115 µs instead of
// 180 µs per group commit on ext4). A file system that cannot allocate, or was
// interrupted by a signal, is filled in any case.
//
// Recycling old files instead would save the writes, but a reader of an old
// entry could then see bytes of the new life; a removed file stays readable
// to who holds it open.
func createTemp(fs vfs.FS, dir string, h header, fill bool) (*segment, error) {
	path := fs.PathJoin(dir, segmentName(h.number, tempSuffix))
	_ = fs.Remove(path) // a crash or a full disk may have left one
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	if err := writeFresh(f, h, fill); err != nil {
		_ = f.Close()
		_ = fs.Remove(path)
		return nil, fmt.Errorf("create %s: %w", path, err)
	}
	return newSegment(path, f, h), nil
}

func newSegment(path string, f vfs.File, h header) *segment {
	s := &segment{number: h.number, path: path, capacity: h.capacity, seed: h.seed()}
	s.mu.file = f
	return s
}

func writeFresh(f vfs.File, h header, fill bool) error {
	err := f.Preallocate(0, h.capacity)
	switch {
	case errors.Is(err, errors.ErrUnsupported) || errors.Is(err, syscall.EINTR):
		fill = true // takes the space too
	case err != nil:
		return err
	}
	if fill {
		block := make([]byte, min(fillStep, h.capacity))
		for at := int64(0); at < h.capacity; at += int64(len(block)) {
			block = block[:min(int64(len(block)), h.capacity-at)]
			if _, err := f.WriteAt(block, at); err != nil {
				return err
			}
			if err := f.SyncData(); err != nil {
				return err
			}
		}
	}
	if _, err := f.WriteAt([]byte{0}, h.capacity-1); err != nil {
		return err
	}
	if _, err := f.WriteAt(h.encode(), 0); err != nil {
		return err
	}
	return f.Sync()
}

// publish renames a created segment to its final name. The caller syncs the
// directory.
func (s *segment) publish(fs vfs.FS, dir string) error {
	path := fs.PathJoin(dir, segmentName(s.number, logSuffix))
	if err := fs.Rename(s.path, path); err != nil {
		return fmt.Errorf("rename %s: %w", s.path, err)
	}
	s.path = path
	return nil
}

// openSegments opens the segments of dir with these numbers, verifying their
// headers. The ones before an error are returned with it, for closing.
func openSegments(fs vfs.FS, dir string, numbers []uint64, open openFunc) (segments []*segment, id identity, err error) {
	for i, n := range numbers {
		want := &id
		if i == 0 {
			want = nil
		}
		seg, got, err := openSegment(fs.PathJoin(dir, segmentName(n, logSuffix)), n, want, open)
		if err != nil {
			return segments, id, err
		}
		id = got
		segments = append(segments, seg)
	}
	return segments, id, nil
}

// openFunc opens a file, for reading or for reading and writing.
type openFunc func(path string) (vfs.File, error)

// openSegment opens one segment. want is the identity it must have; nil
// accepts any.
func openSegment(path string, number uint64, want *identity, open openFunc) (*segment, identity, error) {
	f, err := open(path)
	if err != nil {
		return nil, identity{}, fmt.Errorf("open %s: %w", path, err)
	}
	h, err := readHeader(f, path)
	switch {
	case err != nil:
	case h.number != number:
		err = base.Corruptionf(path, 0, "file holds segment %d", h.number)
	case want != nil && h.id != *want:
		err = base.Corruptionf(path, 0, "segment of log %x, want %x", h.id, *want)
	}
	if err != nil {
		_ = f.Close()
		return nil, identity{}, err
	}
	return newSegment(path, f, h), h.id, nil
}

func readHeader(f vfs.File, path string) (header, error) {
	var b [headerUsed]byte
	if _, err := f.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return header{}, fmt.Errorf("read %s: %w", path, err)
	}
	h, err := decodeHeader(b[:])
	if base.ClassOf(err) == base.ClassInvalid {
		return header{}, fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return header{}, base.Corruptionf(path, 0, "%w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return header{}, fmt.Errorf("stat %s: %w", path, err)
	}
	if info.Size() != h.capacity {
		return header{}, base.Corruptionf(path, info.Size(), "file has %d bytes, its header says %d", info.Size(), h.capacity)
	}
	return h, nil
}

// readAt fills b from the file, or returns ErrCompacted when it is gone.
func (s *segment) readAt(b []byte, offset int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.mu.file == nil {
		return ErrCompacted
	}
	if _, err := s.mu.file.ReadAt(b, offset); err != nil {
		return fmt.Errorf("read %s at %d: %w", s.path, offset, err)
	}
	return nil
}

// write writes b at offset. Only the writer goroutine calls it; readers may read
// other ranges meanwhile.
func (s *segment) write(b []byte, offset int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if _, err := s.mu.file.WriteAt(b, offset); err != nil {
		return fmt.Errorf("write %s at %d: %w", s.path, offset, err)
	}
	return nil
}

// sync makes durable what was written.
func (s *segment) sync() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.mu.file.SyncData(); err != nil {
		return fmt.Errorf("sync %s: %w", s.path, err)
	}
	return nil
}

// close closes the file after the last reader left it.
func (s *segment) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.file == nil {
		return nil
	}
	err := s.mu.file.Close()
	s.mu.file = nil
	return err
}

// syncDir makes the entries of a directory durable.
func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return fmt.Errorf("open directory %s: %w", dir, err)
	}
	if err := d.Sync(); err != nil {
		_ = d.Close()
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return d.Close()
}

// makeDir creates dir and its missing parents.
func makeDir(fs vfs.FS, dir string) (created int, err error) {
	for d := dir; ; d = fs.PathDir(d) {
		if _, err := fs.Stat(d); err == nil || fs.PathDir(d) == d {
			break
		}
		created++
	}
	if err := fs.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("create directory %s: %w", dir, err)
	}
	return created, nil
}

// syncAbove makes dir durable in its parent, and so on up to the root: an
// earlier start may have made the directories and crashed before it synced
// them. The parents of those created now, and of dir, must succeed; further
// up we may not be allowed to, and have hardly been the ones who made them.
func syncAbove(fs vfs.FS, dir string, created int) error {
	for level := 0; fs.PathDir(dir) != dir; level++ {
		dir = fs.PathDir(dir)
		if err := syncDir(fs, dir); err != nil && level < max(created, 1) {
			return err
		}
	}
	return nil
}
