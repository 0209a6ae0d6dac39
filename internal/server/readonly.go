package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	iofs "io/fs"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
	"github.com/pandodb/pando/internal/cluster/meta"
	"github.com/pandodb/pando/internal/cluster/node"
	"github.com/pandodb/pando/internal/cluster/router"
	"github.com/pandodb/pando/internal/engine/columnar"
	"github.com/pandodb/pando/internal/selfmon"
)

// catalogName is the file in which a writing process tells reading ones what is
// in its catalog: see meta.View.AppendExport.
const catalogName = "CATALOG"

// host holds the tablets: a node, or the reader of what another process's writes.
type host interface {
	router.Node
	Host(g catalog.Group, tablets *catalog.TabletMap) error
	Start(ctx context.Context) error
	Tablets() map[base.TabletID]*columnar.Tablet
	Flush(ctx context.Context) error
	Compact(ctx context.Context) error
	Purge(ctx context.Context, tablets ...base.TabletID) error
	UnappliedBytes() int64
	Ready() error
	Failed() <-chan struct{}
	Err() error
	Close() error
}

// publishCatalog writes the catalog for reading processes, now and whenever it
// changes. A failure is theirs alone and tried again at the next change.
func (s *Server) publishCatalog() {
	if s.o.Config.Storage.Ephemeral {
		return
	}
	path := s.o.FS.PathJoin(s.o.Config.DataDir, catalogName)
	view := s.catalog.View()
	s.exportCatalog(path, view)
	ctx, cancel := context.WithCancel(context.Background())
	s.watching.Go(func() {
		<-s.stop
		cancel()
	})
	s.watching.Go(func() {
		for {
			next, err := s.catalog.Wait(ctx, view.Revision()+1)
			if err != nil {
				return // the server stops, or the catalog has
			}
			view = next
			s.exportCatalog(path, view)
		}
	})
}

func (s *Server) exportCatalog(path string, v *meta.View) {
	data, err := v.AppendExport(nil)
	if err == nil {
		err = writeFile(s.o.FS, path, data)
	}
	if err != nil {
		s.o.Logger.Warn("processes that open the data directory read-only may not know all of the catalog", slog.String("file", path), slog.Any("err", err))
	}
}

// openReadOnly shows what another process writes, from its files alone.
func (s *Server) openReadOnly(ctx context.Context, events selfmon.Events) (spans, archive declared, err error) {
	known, err := openCatalogFile(s.o.FS, s.o.FS.PathJoin(s.o.Config.DataDir, catalogName))
	if err != nil {
		return spans, archive, err
	}
	if err := s.checkDirectory(known.view()); err != nil {
		return spans, archive, err
	}
	if spans, err = declaredIn(known.view(), catalog.DefaultGroup().Name); err != nil {
		return spans, archive, err
	}
	if archive, err = declaredIn(known.view(), catalog.ArchiveGroup().Name); err != nil {
		return spans, archive, err
	}
	s.maps = known
	reader, err := node.NewReader(s.nodeOptions(0, events))
	if err != nil {
		return spans, archive, err
	}
	s.node = reader
	if err := s.startNode(ctx, spans.group, archive.group); err != nil {
		return spans, archive, err
	}
	s.watching.Go(func() { s.followCatalog(known) })
	return spans, archive, nil
}

// checkDirectory makes sure that data, index and catalog belong together.
func (s *Server) checkDirectory(v *meta.View) error {
	path := s.o.FS.PathJoin(s.o.Config.DataDir, identityName)
	identity, err := nodeIdentity(s.o.FS, path, false)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(v.Nodes(), func(n meta.Node) bool { return n.Identity == identity }) {
		return base.Corruptionf(path, 0, "names node %s, which %s does not know: one of them is of another directory", identity, catalogName)
	}
	return s.claimIndexDir(identity, false)
}

// declaredIn returns a group of the catalog with the built-in resource.
func declaredIn(v *meta.View, group string) (declared, error) {
	g, err := v.Group(group)
	if err != nil {
		return declared{}, err
	}
	r, err := v.Resource(group, catalog.DefaultResource().Name)
	return declared{g, r}, err
}

// followCatalog takes over what the writing process changes in the catalog.
func (s *Server) followCatalog(known *catalogFile) {
	tick := time.NewTicker(time.Duration(s.o.Config.Storage.MaintenanceInterval))
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
		}
		changed, err := known.reload()
		if err == nil && changed {
			err = s.hostAgain(known.view())
		}
		if err != nil {
			s.o.Logger.Warn("the writing process's catalog cannot be read", slog.Any("err", err))
		}
	}
}

func (s *Server) hostAgain(v *meta.View) error {
	for _, name := range []string{catalog.DefaultGroup().Name, catalog.ArchiveGroup().Name} {
		d, err := declaredIn(v, name)
		if err != nil {
			return err
		}
		if err := s.hostGroup(d.group); err != nil {
			return err
		}
	}
	return nil
}

// catalogFile is the catalog as another process publishes it.
type catalogFile struct {
	fs   vfs.FS
	path string
	data []byte // as last read
	now  atomic.Pointer[meta.View]
}

func openCatalogFile(fs vfs.FS, path string) (*catalogFile, error) {
	c := &catalogFile{fs: fs, path: path}
	_, err := c.reload()
	if errors.Is(err, iofs.ErrNotExist) {
		return nil, base.Errorf(base.ClassNotFound,
			"%s is missing: a process that writes makes it at its start, so start one on this directory first, without storage.read_only", path)
	}
	if err != nil {
		return nil, fmt.Errorf("%w (a writing process makes the file anew at its start)", err)
	}
	return c, nil
}

// reload reads the file and tells whether it has changed.
func (c *catalogFile) reload() (changed bool, err error) {
	f, err := c.fs.Open(c.path)
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, meta.MaxExportBytes+1))
	if err != nil || bytes.Equal(data, c.data) {
		return false, err
	}
	v, err := meta.ParseExport(c.path, data)
	if err != nil {
		return false, err
	}
	c.data = data
	c.now.Store(v)
	return true, nil
}

func (c *catalogFile) view() *meta.View { return c.now.Load() }

// TabletMap implements meta.TabletMapper.
func (c *catalogFile) TabletMap(id catalog.GroupID) (*catalog.TabletMap, error) {
	return c.view().TabletMap(id)
}

// readOnlyFS refuses whatever would change the disk: a second line of defence,
// behind code that does not try.
type readOnlyFS struct{ vfs.FS }

func (readOnlyFS) refuse(path string) error {
	return base.Errorf(base.ClassBug, "%s: write in a read-only process", path)
}

// Create implements vfs.FS.
func (f readOnlyFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, f.refuse(name)
}

// Link implements vfs.FS.
func (f readOnlyFS) Link(_, newname string) error { return f.refuse(newname) }

// OpenReadWrite implements vfs.FS.
func (f readOnlyFS) OpenReadWrite(name string, _ vfs.DiskWriteCategory, _ ...vfs.OpenOption) (vfs.File, error) {
	return nil, f.refuse(name)
}

// Remove implements vfs.FS.
func (f readOnlyFS) Remove(name string) error { return f.refuse(name) }

// RemoveAll implements vfs.FS.
func (f readOnlyFS) RemoveAll(name string) error { return f.refuse(name) }

// Rename implements vfs.FS.
func (f readOnlyFS) Rename(oldname, _ string) error { return f.refuse(oldname) }

// ReuseForWrite implements vfs.FS.
func (f readOnlyFS) ReuseForWrite(oldname, _ string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	return nil, f.refuse(oldname)
}

// MkdirAll implements vfs.FS.
func (f readOnlyFS) MkdirAll(dir string, _ iofs.FileMode) error { return f.refuse(dir) }

// Lock implements vfs.FS.
func (f readOnlyFS) Lock(name string) (io.Closer, error) { return nil, f.refuse(name) }

// Unwrap implements vfs.FS.
func (f readOnlyFS) Unwrap() vfs.FS { return f.FS }
