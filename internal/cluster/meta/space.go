package meta

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/pandodb/pando/internal/base"
)

// etcd refuses every write once its file has reached the quota, and goes on
// refusing after a restart, until someone compacts its history, rewrites its
// file without holes and disarms its alarm. Nobody can reach this member to do
// so: it does it itself.

// makeRoom does that, if what is live leaves a tenth of the quota; else, and
// when it fails, it returns an error of class overload. It blocks other
// requests while it copies what is live.
func (e *Etcd) makeRoom(ctx context.Context) error {
	e.room.Lock()
	defer e.room.Unlock()
	now, err := e.client.Get(ctx, keyRoot, clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	_, err = e.client.Compact(ctx, now.Header.Revision, clientv3.WithCompactPhysical())
	if err != nil && !errors.Is(err, rpctypes.ErrCompacted) {
		return fmt.Errorf("compact: %w", err)
	}
	file := e.server.Server.Backend()
	if live := file.SizeInUse(); live > e.quota/10*9 {
		return base.Errorf(base.ClassOverload, "%d of %d bytes are live: %w", live, e.quota, rpctypes.ErrNoSpace)
	}
	if err := file.Defrag(); err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	_, err = e.client.AlarmDisarm(ctx, &clientv3.AlarmMember{})
	return err
}
