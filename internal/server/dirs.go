package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	iofs "io/fs"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cluster/meta"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/splitfs"
)

const (
	// identityName is the file that names the node.
	identityName = "NODE"
	// splitName is the file that says that index files lie in another directory.
	splitName = "INDEX_ELSEWHERE"
	// ephemeralDir is where the disk in memory has its data.
	ephemeralDir = "memory"
)

// openDirs makes the directories and takes them for this process. The file system
// it leaves in s.o.FS puts files where the configuration says.
func (s *Server) openDirs() error {
	c := &s.o.Config
	if c.Storage.Ephemeral {
		c.DataDir, c.Storage.IndexDir = ephemeralDir, ""
		s.o.FS = newEphemeralFS(c.Storage.EphemeralSize)
		return s.o.FS.MkdirAll(ephemeralDir, 0o700)
	}
	disk := s.o.FS
	if err := refuseBadger(disk, c.DataDir, c.Storage.IndexDir); err != nil {
		return err
	}
	if c.Storage.ReadOnly {
		disk = readOnlyFS{disk}
		s.o.FS = disk
		if _, err := disk.List(c.DataDir); err != nil {
			return base.Errorf(base.ClassNotFound, "data directory: %w: storage.read_only needs one that another process has made", err)
		}
		return s.splitDirs()
	}
	if err := disk.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	lock, err := disk.Lock(disk.PathJoin(c.DataDir, "LOCK"))
	if err != nil {
		return base.Errorf(base.ClassUnavailable, "data directory %s is in use by another process: stop that one, or choose another --data-dir (%w)", c.DataDir, err)
	}
	s.lock = lock
	return s.splitDirs()
}

// splitDirs puts index files where the configuration says.
func (s *Server) splitDirs() error {
	c, disk := &s.o.Config, s.o.FS
	if c.Storage.IndexDir == "" {
		return nil
	}
	tablets := disk.PathJoin(c.DataDir, "tablets")
	split, err := splitfs.New(disk, tablets, disk.PathJoin(c.Storage.IndexDir, "tablets"), part.IndexFiles()...)
	if err != nil {
		return base.Errorf(base.ClassInvalid, "data_dir and storage.index_dir: %w", err)
	}
	s.o.FS = split
	if c.Storage.ReadOnly {
		return nil
	}
	if err := split.MkdirAll(tablets, 0o700); err != nil {
		return fmt.Errorf("index directory: %w", err)
	}
	return nil
}

// refuseBadger keeps a start with Jaeger's old options from writing into the
// directories of its badger store.
func refuseBadger(disk vfs.FS, dirs ...string) error {
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		names, err := disk.List(dir)
		if err != nil {
			continue // it is made, or refused, soon
		}
		for _, name := range names {
			if name == "KEYREGISTRY" || strings.HasSuffix(name, ".vlog") || strings.HasSuffix(name, ".sst") {
				return base.Errorf(base.ClassInvalid,
					"%s holds a badger store (%s): choose another directory, and bring its spans over with `pando import jaeger-badger %s`", dir, name, dir)
			}
		}
	}
	return nil
}

// openStore opens what the catalog is kept in.
func (s *Server) openStore(ctx context.Context) (meta.Store, error) {
	if s.o.Config.Storage.Ephemeral {
		return meta.NewMemStore(), nil
	}
	etcd, err := meta.OpenEtcd(ctx, meta.EtcdOptions{Dir: s.o.FS.PathJoin(s.o.Config.DataDir, "meta"), Logger: s.o.Logger})
	if err != nil {
		return nil, err
	}
	s.etcd = etcd
	return etcd, nil
}

// claimIndexDir makes sure that data and index directory belong together: each
// names the node, and the data directory tells that there is another.
func (s *Server) claimIndexDir(identity string, isNew bool) error {
	disk, dir := s.o.FS, s.o.Config.DataDir
	index := s.o.Config.Storage.IndexDir
	mark := disk.PathJoin(dir, splitName)
	_, err := disk.Stat(mark)
	switch marked := err == nil; {
	case err != nil && !errors.Is(err, iofs.ErrNotExist):
		return err
	case index == "" && marked:
		return base.Errorf(base.ClassInvalid, "the index of %s lies in another directory: set storage.index_dir to it", dir)
	case index == "":
		return nil
	case !marked && !isNew:
		return base.Errorf(base.ClassInvalid, "%s keeps its index with its data: storage.index_dir can be set for a new directory only", dir)
	}
	path := disk.PathJoin(index, identityName)
	if _, err := disk.Stat(path); !isNew || !errors.Is(err, iofs.ErrNotExist) {
		other, err := nodeIdentity(disk, path, false)
		if err != nil {
			return err
		}
		if other != identity { // a new node, too, would take its files for debris
			return base.Corruptionf(path, 0, "is the index of node %s, and %s the data of node %s", other, dir, identity)
		}
	}
	if !isNew {
		return nil
	}
	if err := writeFile(disk, path, []byte(identityLine(identity))); err != nil {
		return err
	}
	return writeFile(disk, mark, nil)
}

// minFree returns the room below which writes are refused: in memory, what a
// merge may need at once.
func (s *Server) minFree() int64 {
	if c := &s.o.Config.Storage; c.Ephemeral {
		return int64(c.EphemeralSize) / 8
	}
	return int64(s.o.Config.Storage.MinFree)
}

// maxLog returns the size of the log from which tablets are flushed; zero is the
// node's default.
func (s *Server) maxLog() int64 {
	if c := &s.o.Config.Storage; c.Ephemeral {
		return int64(c.EphemeralSize) / 8
	}
	return 0
}

// identityPrefix begins the file that names the node; the name and the CRC32C of
// all before it follow, in hex:
//
//	pando node 1 0a1b…32 digits… 5f3a9c01
const identityPrefix = "pando node 1 "

// nodeIdentity returns the random name this data directory got when it was made.
// A missing file is made only where mayCreate says that nothing is here yet: a
// node under a new name owns nothing of what is there.
func nodeIdentity(fs vfs.FS, path string, mayCreate bool) (string, error) {
	f, err := fs.Open(path)
	if err == nil {
		defer func() { _ = f.Close() }() // only read
		data, err := io.ReadAll(io.LimitReader(f, 128))
		if err != nil {
			return "", fmt.Errorf("node identity: %w", err)
		}
		rest, ok := strings.CutPrefix(string(data), identityPrefix)
		id, _, _ := strings.Cut(rest, " ")
		if raw, err := hex.DecodeString(id); !ok || err != nil || len(raw) != 16 || string(data) != identityLine(id) {
			return "", base.Corruptionf(path, 0, "not a node identity, or a damaged one: %q", data)
		}
		return id, nil
	}
	if !errors.Is(err, iofs.ErrNotExist) { // a new name would orphan what is here
		return "", fmt.Errorf("node identity: %w", err)
	}
	if !mayCreate {
		return "", base.Corruptionf(path, 0, "the file is gone, and with it the name under which this directory's data is known: restore it")
	}
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", err
	}
	id := hex.EncodeToString(raw[:])
	return id, writeFile(fs, path, []byte(identityLine(id)))
}

// identityLine is the whole file.
func identityLine(id string) string {
	named := identityPrefix + id
	return fmt.Sprintf("%s %08x\n", named, crc32.Checksum([]byte(named), crc32.MakeTable(crc32.Castagnoli)))
}

// writeFile makes a small file that is there whole or not at all.
func writeFile(fs vfs.FS, path string, data []byte) error {
	tmp := path + ".tmp"
	f, err := fs.Create(tmp, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := fs.Rename(tmp, path); err != nil {
		return err
	}
	dir, err := fs.OpenDir(fs.PathDir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
