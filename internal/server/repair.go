package server

import (
	"context"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// nameRepair adds to an error about damage that can be repaired how to ask for it.
func (s *Server) nameRepair(err error) error {
	if !base.IsCorruption(err) || s.o.Config.Storage.Repair {
		return err
	}
	return fmt.Errorf("%w; storage.repair: true opens the directory without what is damaged, which is lost then: restore a copy instead if there is one", err)
}

// tellCatalog adds to an error of opening the catalog what is left to do.
func (s *Server) tellCatalog(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w; if the catalog is damaged, storage.repair does not reach it: put %s back from a copy of this data directory, or begin with an empty one", err, s.o.FS.PathJoin(s.o.Config.DataDir, "meta"))
}

// restoreIdentity writes the node's name anew, which the catalog knows. What the
// file held is kept.
func (s *Server) restoreIdentity(path, identity string, damage error) (string, error) {
	disk := s.o.FS
	aside := disk.PathJoin(s.o.Config.DataDir, "damaged")
	if _, err := disk.Stat(path); err == nil {
		if err := disk.MkdirAll(aside, 0o700); err != nil {
			return "", err
		}
		if err := vfs.Copy(disk, path, disk.PathJoin(aside, identityName)); err != nil {
			return "", err
		}
	} else if !errors.Is(err, iofs.ErrNotExist) {
		return "", err
	}
	if err := writeFile(disk, path, []byte(identityLine(identity))); err != nil {
		return "", err
	}
	s.o.Logger.Error("the node's identity was damaged or gone and has been restored from the catalog", slog.Any("damage", damage), slog.String("identity", identity))
	return identity, nil
}
