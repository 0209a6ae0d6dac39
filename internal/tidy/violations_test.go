package tidy

import "strings"

const (
	smallModule = "module example.org/m\n\nrequire (\n\tgithub.com/a/b v1.0.0\n\tgithub.com/a/b/c v1.0.0 // indirect\n)\n"
	smallPlan   = "1 internal/base # the ground\n4 internal/column\n8 internal/engine/*\n12.9 internal/gen/...\n18.1 internal/gateway/*/*\n18.2 internal/gateway/*\n"
)

// source returns a Go file with imports.
func source(comment, name string, imports ...string) string {
	text := comment + "\npackage " + name + "\n"
	for _, imp := range imports {
		text += "import _ \"" + imp + "\"\n"
	}
	return text
}

// violations break the laws, each in a tree of its own.
var violations = []struct {
	law   string
	files map[string]string
	want  []string
}{
	{
		law: "floors",
		files: map[string]string{
			"go.mod": smallModule, layersFile: smallPlan + "high internal/roof\n",
			"internal/base/a.go":      source("", "base", "example.org/m/internal/column"),
			"internal/base/a_test.go": source("", "base", "example.org/m/internal/engine/rows"),
			"internal/column/a.go":    source("", "column", "example.org/m/internal/base", "strings"),
			"internal/nowhere/a.go":   source("", "nowhere"),
			"other/go.mod":            "module example.org/other\n",
			"other/a.go":              source("", "other"),
		},
		want: []string{
			"layers.txt:7: want a floor and directories, such as `4 internal/column`",
			"internal/base/a.go: floor 1 imports internal/column of floor 4: move what they share down, or declare an interface and let internal/server inject it",
			"internal/nowhere: the package has no floor: give it one in layers.txt",
		},
	},
	{
		law: "gateways",
		files: map[string]string{
			"go.mod": smallModule, layersFile: smallPlan,
			"internal/gateway/ui/a.go":     source("", "ui", "example.org/m/internal/engine/rows", "example.org/m/internal/gateway/ui/x"),
			"internal/gateway/otlp/a.go":   source("", "otlp", "example.org/m/internal/gateway/ui/x"),
			"internal/engine/rows/rows.go": source("", "rows"),
		},
		want: []string{
			"internal/gateway/otlp/a.go: gateway otlp imports gateway ui: move what they share to a floor below",
			"internal/gateway/ui/a.go: a gateway imports internal/engine/rows: it translates, and reaches data through the interface that it declares",
		},
	},
	{
		law: "wire",
		files: map[string]string{
			"go.mod": smallModule, layersFile: smallPlan,
			"internal/column/a.go":     source("", "column", "google.golang.org/grpc/codes", "google.golang.org/protobuf/encoding/protowire"),
			"internal/base/a.go":       source("", "base", "example.org/m/internal/gen/pb"),
			"internal/gen/pb/a.go":     source("", "pb", "google.golang.org/protobuf/proto"),
			"internal/gateway/ui/a.go": source("", "ui", "google.golang.org/grpc"),
		},
		want: []string{
			"internal/base/a.go: floor 1 imports example.org/m/internal/gen/pb: gRPC and generated protobuf begin at floor 13; translate in a gateway",
			"internal/column/a.go: floor 4 imports google.golang.org/grpc/codes: gRPC and generated protobuf begin at floor 13; translate in a gateway",
		},
	},
	{
		law: "owners",
		files: map[string]string{
			"internal/cluster/replica/a.go": source("", "replica", "go.etcd.io/raft/v3"),
			"internal/cluster/node/a.go":    source("", "node", "go.etcd.io/raft/v3/raftpb", "github.com/cockroachdb/pebble/v2/vfs"),
			"internal/cluster/node/b.go":    source("", "node", "go.etcd.io/etcd/client/v3"),
		},
		want: []string{
			"internal/cluster/node/a.go: imports go.etcd.io/raft/v3/raftpb, which only internal/cluster/replica may: a replication group is the only door to Raft",
			"internal/cluster/node/b.go: imports go.etcd.io/etcd/client/v3, which only internal/cluster/meta may: the catalog is the only door to etcd",
		},
	},
	{
		law: "files",
		files: map[string]string{
			layersFile:                smallPlan + "19 internal/server\n2 internal/selfmon",
			"internal/selfmon/log.go": source("", "selfmon", "os"),
			"internal/base/a.go":      source("", "base", "os"),
			"internal/base/a_test.go": source("", "base", "os"),
			"internal/server/a.go":    source("", "server", "os"),
			"internal/base/tool.go":   source("//go:build ignore\n", "main", "os"),
		},
		want: []string{
			"internal/base/a.go: imports os below the server: reach files through vfs, and let internal/server hand in settings",
		},
	},
	{
		law: "dependencies",
		files: map[string]string{
			"go.mod": "module example.org/m\n" + numbered(maxDirect+1, "require example.org/#\n"),
			"a.go":   "package m\n" + numbered(maxDirect+1, "import _ \"example.org/#/x\"\n"),
		},
		want: []string{"go.mod: 41 direct dependencies, at most 40: write the small ones, or drop one"},
	},
	{
		law:   "replace",
		files: map[string]string{"go.mod": "module m\n\nreplace a => ../a\n"},
		want:  []string{"go.mod: a replace line breaks `go install`: depend on a released version"},
	},
	{
		law: "adr",
		files: map[string]string{
			"go.mod": smallModule, "a.go": source("", "m", "github.com/a/b/d", "github.com/a/b/c/e"),
			dependencyADR: "| module | why |\n|---|---|\n| `github.com/a/b` | because |\n| `github.com/old/one` | was needed |\n",
		},
		want: []string{
			"docs/adr/0001-dependencies.md: github.com/old/one is no dependency any more: drop its row",
			"go.mod: github.com/a/b/c has no row in docs/adr/0001-dependencies.md: say why, what it replaces, its licence and who maintains it",
		},
	},
	{
		law: "length",
		files: map[string]string{
			"a.go": "package m\n" + strings.Repeat("\n", maxFileLines),
			"b.go": "package m\nfunc long() {\n" + strings.Repeat("\n", maxFuncLines) + "}\n",
			"c.go": "// Code generated by hand. DO NOT EDIT.\n\npackage m\n" + strings.Repeat("\n", maxFileLines),
			"d.md": strings.Repeat("\n", maxFileLines),
		},
		want: []string{
			"b.go: function long has 102 lines, at most 100: name its steps",
			"a.go: 1001 lines, at most 1000: split it by concept",
		},
	},
	{
		law: "comment",
		files: map[string]string{
			"one/a.go":    source("// Package one is one.", "one"),
			"two/a.go":    source("// Package two is two.", "two"),
			"two/b.go":    source("", "two"),
			"three/a.go":  source("", "three"),
			"four/a.go":   source("// Package four is four.", "four"),
			"four/doc.go": source("// Package four is four.", "four"),
		},
		want: []string{
			"four: package comments in a.go and doc.go: keep the one in doc.go",
			"three: the package has no comment: add doc.go",
			"two: the package comment is in a.go: move it to doc.go",
		},
	},
	{
		law: "sleep",
		files: map[string]string{
			"a_test.go": source("", "m", "time") + "func f() { time.Sleep(1) }\n",
			"b_test.go": source("", "m", "testing/synctest") + "func f() { time.Sleep(1) }\n",
			"c.go":      source("", "m", "time") + "func f() { time.Sleep(1) }\n",
		},
		want: []string{"a_test.go: a test sleeps: wait for the event itself, or run it under testing/synctest"},
	},
	{
		law:   "root",
		files: map[string]string{"README.md": "", "notes.txt": "", "docs/notes.txt": ""},
		want:  []string{"notes.txt: does not belong into the root directory: docs/, tools/ or test/ may be its place"},
	},
	{
		law: "blobs",
		files: map[string]string{
			"docs/big": strings.Repeat("x", maxBlob+1), "docs/fine": strings.Repeat("x", maxBlob),
			built + "page.js":      strings.Repeat("x", maxBlob+1),
			".gitignore":           "# comments\n/bin/\nnode_modules/\n*.test\n",
			"a/node_modules/b/big": strings.Repeat("x", maxBlob+1), "bin/big": strings.Repeat("x", maxBlob+1),
			"a/b.test": strings.Repeat("x", maxBlob+1), "a/bin/big": strings.Repeat("x", maxBlob+1),
		},
		want: []string{
			"a/bin/big: 1048577 bytes, at most 1048576: generate it in the test, or shrink it",
			"docs/big: 1048577 bytes, at most 1048576: generate it in the test, or shrink it",
		},
	},
	{
		law: "paths",
		files: map[string]string{
			"a.md":  "fine: https://example.org/root/1, src/root/a, /var/lib/pando\nsee /Users/me/notes.md for more\n",
			"b.bin": "\x00 /Users/me/notes.md",
		},
		want: []string{"a.md:2: names a path of one machine: /Users/me/notes.md"},
	},
	{
		law: "links",
		files: map[string]string{
			"docs/a.md": "[b](b.md#part) [up](../c) [web](https://example.org/x) [here](#here) `[code](gone.md)`\n" +
				"```\n[code](gone.md)\n```\n[gone](gone.md) <img src=\"gone.png\">\n",
			"docs/b.md": "", "c/d.md": "",
		},
		want: []string{
			"docs/a.md: links to gone.md, which is missing",
			"docs/a.md: links to gone.png, which is missing",
		},
	},
	{
		law: "lives",
		files: map[string]string{
			"a.go":            "package shop\ntype Till struct{}\nfunc (t *Till) Open() {}\nfunc ring() {}\n",
			"docs/life/of.md": "`Till.Open` calls `ring`, `shop.Till.Shut` and `shop.Bell`; see `docs/x` and `Order`.",
		},
		want: []string{
			"docs/life/of.md: `shop.Till.Shut`: nothing is called Shut any more: tell the story as it is now",
			"docs/life/of.md: `shop.Bell`: nothing is called Bell any more: tell the story as it is now",
			"docs/life/of.md: `Order`: nothing is called Order any more: tell the story as it is now",
		},
	},
}

// numbered repeats text n times with # replaced by a number.
func numbered(n int, text string) (all string) {
	for i := range n {
		all += strings.ReplaceAll(text, "#", string(rune('A'+i/26))+string(rune('a'+i%26)))
	}
	return all
}
