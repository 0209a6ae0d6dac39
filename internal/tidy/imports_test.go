package tidy

import (
	"fmt"
	"slices"
	"strings"
)

// under reports whether an import path is prefix or lies below it.
func under(imp, prefix string) bool {
	return imp == prefix || strings.HasPrefix(imp, prefix+"/")
}

func underAny(imp string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return under(imp, p) })
}

// wire are libraries of wire protocols, which the storage core does not see.
var wire = []string{
	"google.golang.org/grpc", "google.golang.org/protobuf", "google.golang.org/genproto",
	"go.opentelemetry.io/proto", "github.com/gogo/protobuf", "github.com/golang/protobuf",
}

// wireAllowed are their packages that hold no generated code and no transport.
var wireAllowed = []string{
	"google.golang.org/protobuf/encoding/protowire", // varints and tags of bytes
}

// wireStaysUpstairs forbids gRPC and generated protobuf code on floors 1 to 12:
// data there is column.Batch or bytes.
func wireStaysUpstairs(t *tree) (found []string) {
	p, _ := readPlan(t.content(layersFile))
	for _, pk := range t.packages {
		floor, ok := p.floor(pk.dir)
		if !ok || floor >= 13 || under(pk.dir, "internal/gen") {
			continue
		}
		for _, f := range pk.sources() {
			for _, imp := range f.imports {
				generated := under(imp, t.module+"/internal/gen")
				if generated || underAny(imp, wire) && !underAny(imp, wireAllowed) {
					found = append(found, fmt.Sprintf("%s: floor %g imports %s: gRPC and generated protobuf begin at floor 13; translate in a gateway", f.path, floor, imp))
				}
			}
		}
	}
	return found
}

// owners are libraries that one package alone may import, so that everything
// else can be tested, and the library replaced, without them.
var owners = []struct {
	library, owner, why string
}{
	{"go.etcd.io/raft", "internal/cluster/replica", "a replication group is the only door to Raft"},
	{"go.etcd.io/etcd", "internal/cluster/meta", "the catalog is the only door to etcd"},
	{"github.com/cockroachdb/pebble/v2", "internal/engine/rows", "tables are the only data in Pebble"},
	{"github.com/blevesearch/vellum", "internal/index", "the index is the only door to automata"},
	{"github.com/FastFilter/xorfilter", "internal/filter", "filters are serialised by us"},
	{"github.com/dgraph-io/badger", "internal/importer/jaegerbadger", "the importer is the only door to badger"},
}

// ownerFree are parts of owned libraries that anybody may import.
var ownerFree = []string{
	"github.com/cockroachdb/pebble/v2/vfs", // the file-system seam of the house
}

// librariesHaveOneOwner forbids to reach past an owner.
func librariesHaveOneOwner(t *tree) (found []string) {
	for _, pk := range t.packages {
		for _, f := range pk.sources() {
			for _, imp := range f.imports {
				for _, o := range owners {
					if under(imp, o.library) && !under(pk.dir, o.owner) && !underAny(imp, ownerFree) {
						found = append(found, fmt.Sprintf("%s: imports %s, which only %s may: %s", f.path, imp, o.owner, o.why))
					}
				}
			}
		}
	}
	return found
}

// osAllowed are files below the server that may import os, each with its reason.
// None of them touches data.
var osAllowed = map[string]string{
	"internal/selfmon/log.go": "standard error is where logs go, and asks whether it is a terminal",
}

// filesGoThroughVFS forbids os below the server: data goes through vfs, so that
// tests can fill the disk and cut the power; settings are handed in.
func filesGoThroughVFS(t *tree) (found []string) {
	p, _ := readPlan(t.content(layersFile))
	for _, pk := range t.packages {
		floor, ok := p.floor(pk.dir)
		if !ok || floor >= 19 {
			continue
		}
		for _, f := range pk.sources() {
			if slices.Contains(f.imports, "os") && osAllowed[f.path] == "" {
				found = append(found, f.path+": imports os below the server: reach files through vfs, and let internal/server hand in settings")
			}
		}
	}
	return found
}
