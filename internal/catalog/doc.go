// Package catalog defines what users declare: groups, resources and the
// tablets that carry a group's key space. It is pure: types, limits,
// validation and one canonical encoding. It opens no file and keeps no state;
// package meta stores these values and hands them out.
//
// # What contains what
//
//	Group  "default"  kind traces, 2 pre-splits, segments of 24 h, ttl 7 d
//	 ├─ Resource "spans"     id 1
//	 ├─ Resource ...         names identify to users, ids to files and keys
//	 └─ TabletMap            one per group, shared by all its resources
//	     ├─ Tablet 1  [ -oo , 80 00 00 00 00 00 00 00 )  on replication group 3
//	     └─ Tablet 2  [ 80 00 00 00 00 00 00 00 , +oo )  on replication group 7
//
// Names are for people and APIs. Below a gateway everything carries IDs: a
// name never becomes a path, a key or a file, which is why renaming needs no
// data movement and why odd names are harmless.
//
// # Placement key
//
// A row's key begins with its resource, then what places it:
//
//	 0        4                12
//	+--------+----------------+----------------------------
//	|resource|    hash64      | full identifying bytes ...
//	| u32 BE |    u64 BE      |
//	+--------+----------------+----------------------------
//	          `-placement key-'
//
// A tablet is a half-open range of placement keys, not of whole keys: the
// resource is skipped. So one tablet map serves every resource of a group,
// thousands of small resources spread over the same few tablets, and
// declaring a resource changes no map. The price is that a scan of one
// resource asks every tablet of its group (one that names a series or a trace
// asks one). A table row has no hash: the first eight bytes of its row key
// take the hash's place, which keeps rows in order across tablets; see
// [PlacementKey].
//
// # Encoding
//
// Stored values are JSON (readable in a dump, tolerant of reordering) inside a
// binary envelope that detects damage and misplacement; see envelope.go for
// the bytes.
//
// Start reading at group.go, then tabletmap.go.
package catalog
