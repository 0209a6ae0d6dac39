// Package meta is the control plane: the catalog of groups, resources, tablets,
// replication groups and nodes, kept in an etcd member inside the process. It
// is the only package that embeds etcd.
//
//	         Catalog.View()            a pointer load; no lock, no etcd
//	              ▲
//	┌─────────────┴──────────────┐
//	│ View (immutable, rev 41)   │◄── apply ── watch ──┐
//	└────────────────────────────┘                     │
//	CreateGroup, EnsureResource, ...                    │
//	  plan(view) ─► Txn{fence, compares, ops} ─► Store ─┴─ Etcd | MemStore
//	  and wait until the view has the transaction's revision
//
// # Rules
//
//   - Reads never leave the process: [Catalog.View] returns an immutable view.
//     There is one way into a view, the store's stream of changes, for the
//     writer itself as for everybody else.
//   - A write is one transaction. It is planned on the current view, compares
//     the revision of every key it changes, and compares the leader's key: who
//     lost the leadership ([Catalog.Lead] elsewhere) can write no more, however
//     late its requests arrive. Since only the leader writes and it waits for
//     its own changes, what it read besides those keys was current too.
//   - IDs grow and are never reused. The counters are keys of the same
//     transaction as what they number.
//   - Revisions are the store's: one number that grows with every transaction,
//     whatever it changes. [View.Revision] and the Revision fields compare.
//   - Everything in a view can be trusted: values carry a checksum that covers
//     their key (see package catalog). A damaged value stops [Open], or stops
//     the view of a running catalog where it was: it is never served, and no
//     write is planned beside it.
//
// # Keys
//
//	pando/1/leader                 who may write, and its epoch
//	pando/1/next/<space>           the next ID of a space
//	pando/1/group/<8 hex>          catalog.Group
//	pando/1/resource/<8 hex>       catalog.Resource
//	pando/1/tablets/<8 hex>        []catalog.Tablet of the group, all in one value
//	pando/1/replication/<16 hex>   ReplicationGroup
//	pando/1/node/<16 hex>          Node
//
// Names appear in values only. The 1 is the layout's version. Keys this release
// does not know are left alone.
//
// A group's tablets are one value so that a split, a merge or a move is one
// comparison and one write. That bounds a group to some thousands of tablets;
// consumers see tablets through [TabletMapper] only, behind which a map stored
// in the replication groups themselves can grow without bound.
//
// # Damage and crashes
//
// A transaction is acknowledged when etcd has synced it to its log. Structural
// damage to etcd's own files (a torn log record, a broken page) is etcd's to
// find, and it ends the process when it does; what etcd does not check, the
// bytes of a value, our checksum does. Refusing to start without a sound
// catalog is deliberate: data parts name groups and resources by IDs that only
// the catalog explains.
//
// # A view as a file
//
// What another process needs to read the data of this one, it gets as a file
// (View.AppendExport): the store is this process's alone. export.go draws it.
//
// # Where to start reading
//
// catalog.go (life and reads), write.go (the one path of a write), view.go.
// etcd.go and memstore.go are the two stores; store.go is their contract.
package meta
