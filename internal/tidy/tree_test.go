package tidy

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// maxText is the size up to which a file's content is read and judged.
const maxText = 1 << 20

// ignored are the patterns of the root's .gitignore, which may hold /name/,
// name/, name and *.ending: what is never committed breaks no law. (.ci/run sees
// to it that nothing ignored is committed.)
type ignored []string

func (patterns ignored) match(name string) bool {
	return name == ".git" || slices.ContainsFunc(patterns, func(p string) bool {
		p = strings.TrimSuffix(p, "/")
		if rooted, ok := strings.CutPrefix(p, "/"); ok {
			return name == rooted
		}
		ok, err := path.Match(p, path.Base(name))
		return ok && err == nil
	})
}

// tree is the repository, read once.
type tree struct {
	files    []file // ascending by path
	packages []*pkg // of the main module, ascending by dir
	goFiles  []*goFile
	root     []string // names in the root directory
	module   string
	requires []string // module paths of the main go.mod
}

// file is any file. Its data is nil when it is larger than maxText.
type file struct {
	path string
	size int64
	data []byte
}

// text reports whether the file is text: no zero byte in its first kilobyte.
func (f *file) text() bool {
	return f.data != nil && !bytes.Contains(f.data[:min(len(f.data), 1<<10)], []byte{0})
}

// pkg is one directory of Go files.
type pkg struct {
	dir   string
	files []*goFile
}

// sources returns the files that are not tests.
func (p *pkg) sources() []*goFile {
	return slices.DeleteFunc(slices.Clone(p.files), func(f *goFile) bool { return f.test })
}

// goFile is one parsed Go file.
type goFile struct {
	path      string
	test      bool
	script    bool // go:build ignore: run by hand, part of no package
	generated bool
	imports   []string
	set       *token.FileSet
	syntax    *ast.File
}

// readTree reads a repository. A directory with a go.mod of its own is another
// module: its files count, but are no packages of ours.
func readTree(fsys fs.FS) (*tree, error) {
	t := &tree{}
	rules, err := fs.ReadFile(fsys, ".gitignore")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	ignore := ignored(strings.Fields(string(rules)))
	var modules []string
	err = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ignore.match(name) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if name != "." && path.Dir(name) == "." {
			t.root = append(t.root, d.Name())
		}
		if d.IsDir() {
			return nil
		}
		f, err := readFile(fsys, name, d)
		if err != nil {
			return err
		}
		t.files = append(t.files, f)
		if path.Base(name) == "go.mod" && name != "go.mod" {
			modules = append(modules, path.Dir(name)+"/")
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.module, t.requires = readModule(t.content("go.mod"))
	return t, t.parse(modules)
}

func readFile(fsys fs.FS, name string, d fs.DirEntry) (file, error) {
	info, err := d.Info()
	if err != nil {
		return file{}, err
	}
	f := file{path: name, size: info.Size()}
	if !info.Mode().IsRegular() || f.size > maxText {
		return f, nil
	}
	f.data, err = fs.ReadFile(fsys, name)
	return f, err
}

// content returns the text of a file, empty when there is none.
func (t *tree) content(name string) string {
	for i := range t.files {
		if t.files[i].path == name {
			return string(t.files[i].data)
		}
	}
	return ""
}

// has reports whether name is a file or a directory of the tree.
func (t *tree) has(name string) bool {
	for i := range t.files {
		if p := t.files[i].path; p == name || strings.HasPrefix(p, name+"/") {
			return true
		}
	}
	return name == "."
}

// parse parses all Go files and gathers the packages outside modules.
func (t *tree) parse(modules []string) error {
	byDir := map[string]*pkg{}
	var errs []error
	for i := range t.files {
		f := &t.files[i]
		if !strings.HasSuffix(f.path, ".go") || strings.Contains(f.path, "testdata/") || f.data == nil {
			continue
		}
		g, err := parseGo(f)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		t.goFiles = append(t.goFiles, g)
		if g.script || slices.ContainsFunc(modules, func(dir string) bool { return strings.HasPrefix(f.path, dir) }) {
			continue
		}
		dir := path.Dir(f.path)
		if byDir[dir] == nil {
			byDir[dir] = &pkg{dir: dir}
			t.packages = append(t.packages, byDir[dir])
		}
		byDir[dir].files = append(byDir[dir].files, g)
	}
	slices.SortFunc(t.packages, func(a, b *pkg) int { return strings.Compare(a.dir, b.dir) })
	return errors.Join(errs...)
}

func parseGo(f *file) (*goFile, error) {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, f.path, f.data, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	g := &goFile{
		path: f.path, test: strings.HasSuffix(f.path, "_test.go"), generated: ast.IsGenerated(syntax),
		script: bytes.HasPrefix(f.data, []byte("//go:build ignore\n")), set: set, syntax: syntax,
	}
	for _, spec := range syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, fmt.Errorf("%s: import %s: %w", f.path, spec.Path.Value, err)
		}
		g.imports = append(g.imports, name)
	}
	return g, nil
}

// readModule returns the module path and the required ones of a go.mod.
func readModule(text string) (module string, requires []string) {
	block := ""
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "//")
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == ")":
			block = ""
		case len(words) == 2 && words[1] == "(":
			block = words[0]
		case words[0] == "module":
			module = words[1]
		case words[0] == "require":
			requires = append(requires, words[1])
		case block == "require":
			requires = append(requires, words[0])
		}
	}
	return module, requires
}
