package tidy

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

const (
	// maxDirect bounds direct dependencies: each is code that we answer for.
	maxDirect = 40

	dependencyADR = "docs/adr/0001-dependencies.md"
)

// direct returns the modules that packages of the main module import, tests
// included, ascending.
func (t *tree) direct() []string {
	used := map[string]bool{}
	for _, pk := range t.packages {
		for _, f := range pk.files {
			for _, imp := range f.imports {
				longest := ""
				for _, module := range t.requires {
					if under(imp, module) && len(module) > len(longest) {
						longest = module
					}
				}
				if longest != "" {
					used[longest] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(used))
}

// dependenciesAreFew bounds their number.
func dependenciesAreFew(t *tree) []string {
	if n := len(t.direct()); n > maxDirect {
		return []string{fmt.Sprintf("go.mod: %d direct dependencies, at most %d: write the small ones, or drop one", n, maxDirect)}
	}
	return nil
}

var replaceLine = regexp.MustCompile(`(?m)^replace\b`)

// nothingIsReplaced forbids replace, which `go install` refuses.
func nothingIsReplaced(t *tree) []string {
	if replaceLine.MatchString(t.content("go.mod")) {
		return []string{"go.mod: a replace line breaks `go install`: depend on a released version"}
	}
	return nil
}

var adrRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// dependenciesAreExplained demands a row for every direct dependency in the ADR
// that says why each is here, and a dependency for every row.
func dependenciesAreExplained(t *tree) (found []string) {
	explained := map[string]bool{}
	for _, m := range adrRow.FindAllStringSubmatch(t.content(dependencyADR), -1) {
		explained[m[1]] = true
		if !slices.Contains(t.requires, m[1]) {
			found = append(found, fmt.Sprintf("%s: %s is no dependency any more: drop its row", dependencyADR, m[1]))
		}
	}
	for _, module := range t.direct() {
		if !explained[module] {
			found = append(found, fmt.Sprintf("go.mod: %s has no row in %s: say why, what it replaces, its licence and who maintains it", module, dependencyADR))
		}
	}
	return found
}

// testsDoNotSleep forbids time.Sleep in tests outside synctest, whose clock is
// made up.
func testsDoNotSleep(t *tree) (found []string) {
	for _, f := range t.goFiles {
		if !f.test || strings.HasPrefix(f.path, "test/") || slices.Contains(f.imports, "testing/synctest") {
			continue
		}
		if slices.Contains(calls(f.syntax), "time.Sleep") {
			found = append(found, f.path+": a test sleeps: wait for the event itself, or run it under testing/synctest")
		}
	}
	return found
}
