package tidy

import (
	"fmt"
	"go/ast"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// rootNames is everything that may lie in the root directory: a newcomer reads
// it as the table of contents.
var rootNames = []string{
	".ci", ".editorconfig", ".gitattributes", ".github", ".gitignore", ".golangci.yml",
	"ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "NOTICE", "README.md", "SECURITY.md",
	"client", "cmd", "docs", "go.mod", "go.sum", "internal", "layers.txt", "test", "tools", "web",
}

// rootIsTidy forbids anything else there.
func rootIsTidy(t *tree) (found []string) {
	for _, name := range t.root {
		if !slices.Contains(rootNames, name) {
			found = append(found, name+": does not belong into the root directory: docs/, tools/ or test/ may be its place")
		}
	}
	return found
}

// machinePath is an absolute path below a directory in which people work.
var machinePath = regexp.MustCompile(`(^|[\s"'` + "`" + `(=:])/(work|root|Users)/[^\s]*`)

// noPathsOfOneMachine forbids such paths in any text.
func noPathsOfOneMachine(t *tree) (found []string) {
	for i := range t.files {
		f := &t.files[i]
		if !f.text() || strings.HasPrefix(f.path, built) || strings.HasPrefix(f.path, "internal/tidy/") {
			continue
		}
		n := 0
		for line := range strings.Lines(string(f.data)) {
			n++
			if machinePath.MatchString(line) {
				found = append(found, fmt.Sprintf("%s:%d: names a path of one machine: %s", f.path, n, strings.TrimSpace(machinePath.FindString(line))))
			}
		}
	}
	return found
}

var (
	codeFence  = regexp.MustCompile("(?ms)^ *```.*?^ *```")
	codeSpan   = regexp.MustCompile("`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(([^()\s]+)(?: "[^"]*")?\)`)
	htmlSource = regexp.MustCompile(`(?:src|srcset|href)="([^"]+)"`)
)

// linksLeadSomewhere demands that relative links of documents name files that
// exist.
func linksLeadSomewhere(t *tree) (found []string) {
	for i := range t.files {
		f := &t.files[i]
		if path.Ext(f.path) != ".md" {
			continue
		}
		text := codeSpan.ReplaceAllString(codeFence.ReplaceAllString(string(f.data), ""), "")
		links := slices.Concat(inlineLink.FindAllStringSubmatch(text, -1), htmlSource.FindAllStringSubmatch(text, -1))
		for _, m := range links {
			target, err := url.Parse(m[1])
			if err != nil {
				found = append(found, fmt.Sprintf("%s: link %s: %v", f.path, m[1], err))
				continue
			}
			if target.Scheme != "" || target.Path == "" {
				continue
			}
			if name := path.Join(path.Dir(f.path), target.Path); !t.has(name) {
				found = append(found, fmt.Sprintf("%s: links to %s, which is missing", f.path, m[1]))
			}
		}
	}
	return found
}

// lifeName is a name of our code in a document: `Tablet.apply`, `wal.Open`.
// Words without a capital could be anything and are not checked.
var lifeName = regexp.MustCompile("`(?:[A-Za-z]+/)*((?:[A-Za-z]+\\.)*[A-Za-z]*[A-Z][A-Za-z]*(?:\\.[A-Za-z]+)*)`")

// livesFollowTheCode demands that the functions and types which docs/life names
// exist: those documents are only worth reading while they are true.
func livesFollowTheCode(t *tree) (found []string) {
	declared := declaredNames(t)
	for i := range t.files {
		f := &t.files[i]
		if path.Dir(f.path) != "docs/life" {
			continue
		}
		for _, m := range lifeName.FindAllStringSubmatch(string(f.data), -1) {
			words := strings.Split(m[1], ".")
			for _, word := range words[max(0, len(words)-2):] {
				if !declared[word] {
					found = append(found, fmt.Sprintf("%s: `%s`: nothing is called %s any more: tell the story as it is now", f.path, m[1], word))
				}
			}
		}
	}
	return found
}

// declaredNames returns the names of packages and their functions, methods and
// types outside tests.
func declaredNames(t *tree) map[string]bool {
	names := map[string]bool{}
	for _, f := range t.goFiles {
		if f.test {
			continue
		}
		names[f.syntax.Name.Name] = true
		for _, d := range f.syntax.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				names[d.Name.Name] = true
			case *ast.GenDecl:
				for _, s := range d.Specs {
					if s, ok := s.(*ast.TypeSpec); ok {
						names[s.Name.Name] = true
					}
				}
			}
		}
	}
	return names
}
