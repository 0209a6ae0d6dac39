package tidy

import (
	"bytes"
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

const (
	maxFileLines = 1000
	maxFuncLines = 100
	maxBlob      = 1 << 20
)

// built is the web page's bundle: generated, and as large as it is.
const built = "internal/gateway/ui/dist/"

// sourceKinds are the endings of files whose length is bounded.
var sourceKinds = []string{".go", ".ts", ".tsx", ".mjs", ".css", ".sh", ".md"}

// filesAndFunctionsAreShort bounds sources and functions written by people.
func filesAndFunctionsAreShort(t *tree) (found []string) {
	generated := map[string]bool{}
	for _, f := range t.goFiles {
		if f.generated {
			generated[f.path] = true
			continue
		}
		found = append(found, longFunctions(f)...)
	}
	for i := range t.files {
		f := &t.files[i]
		if generated[f.path] || strings.HasPrefix(f.path, built) || !slices.Contains(sourceKinds, path.Ext(f.path)) {
			continue
		}
		if n := bytes.Count(f.data, []byte("\n")); n > maxFileLines {
			found = append(found, fmt.Sprintf("%s: %d lines, at most %d: split it by concept", f.path, n, maxFileLines))
		}
	}
	return found
}

func longFunctions(f *goFile) (found []string) {
	for _, d := range f.syntax.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if n := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1; n > maxFuncLines {
			found = append(found, fmt.Sprintf("%s: function %s has %d lines, at most %d: name its steps", f.path, fn.Name.Name, n, maxFuncLines))
		}
	}
	return found
}

// blobsAreSmall keeps binaries and dumps out of the repository.
func blobsAreSmall(t *tree) (found []string) {
	for i := range t.files {
		f := &t.files[i]
		if f.size > maxBlob && !strings.HasPrefix(f.path, built) {
			found = append(found, fmt.Sprintf("%s: %d bytes, at most %d: generate it in the test, or shrink it", f.path, f.size, maxBlob))
		}
	}
	return found
}

// packagesSayWhatTheyAre demands one package comment per package, in doc.go
// where there is more than one source file.
func packagesSayWhatTheyAre(t *tree) (found []string) {
	for _, pk := range t.packages {
		var commented []string
		for _, f := range pk.files {
			if f.syntax.Doc != nil && !f.generated {
				commented = append(commented, path.Base(f.path))
			}
		}
		sources := pk.sources()
		generated := !slices.ContainsFunc(pk.files, func(f *goFile) bool { return !f.generated })
		switch {
		case generated:
		case len(commented) == 0:
			found = append(found, pk.dir+": the package has no comment: add doc.go")
		case len(commented) > 1:
			found = append(found, fmt.Sprintf("%s: package comments in %s: keep the one in doc.go", pk.dir, strings.Join(commented, " and ")))
		case len(sources) > 1 && commented[0] != "doc.go":
			found = append(found, fmt.Sprintf("%s: the package comment is in %s: move it to doc.go", pk.dir, commented[0]))
		}
	}
	return found
}

// calls returns the selector calls of a file, such as time.Sleep.
func calls(syntax *ast.File) (names []string) {
	ast.Inspect(syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				names = append(names, x.Name+"."+sel.Sel.Name)
			}
		}
		return true
	})
	return names
}
