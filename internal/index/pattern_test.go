package index

import (
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
)

var patterns = []string{
	``, `.*`, `.+`, `user-0.*`, `user-00000.[0-9]`, `^user-1.*$`, `user-.*?9`, `.*(77|88).*`, `(?i)USER-.*1`,
	`/api/v[0-2]/(orders|carts)/.*/items/7`, `/api/.*\b7`, `[^/].*`, `a*b*[0-9]`, `(a|b)*1?`, `a{3}.*`, `a{2,5}b.+`,
	`user-0000004`, `\d+`, `[0-9a-f]{16}`, `.{0,3}`, `(|x)`, `[^\x00-\x{10FFFF}]`, `x|[^\x00-\x{10FFFF}]`, `\pL.*`, `(?-s).*`, `\x{FFFD}*`,
	`.*é.*`, `^`, `$`, `^$`, `a^b`, `(?m)^a$`, `a(?:b$)`, `\Auser.*\z`, `(?U)user-.*`,
}

// checkPattern compares Match, with and without the automaton, with the regexp
// package on every term.
func checkPattern(t *testing.T, terms *Terms, d *column.Dict, expr string) {
	p, err := CompilePattern(expr)
	if err != nil {
		return
	}
	re := regexp.MustCompile(`^(?s:` + expr + `)$`)
	var want []uint32
	for i := range uint32(d.Len()) {
		if re.Match(d.Value(i)) {
			want = append(want, i)
		}
	}
	if got := terms.Match(nil, p); !slices.Equal(got, want) {
		t.Fatalf("%q: Match gives %d ordinals, want %d", expr, len(got), len(want))
	}
	if dfa := p.automaton(); dfa != nil && terms.text {
		if got := terms.intersect(nil, dfa, 0, uint32(d.Len())); !slices.Equal(got, want) {
			t.Fatalf("%q: the automaton accepts %d terms, want %d", expr, len(got), len(want))
		}
	}
}

func TestMatchAgreesWithRegexp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	sets := termSets(r, 5000) // above automatonTerms
	sets["unicode"] = dictOf("", "é", "éa", "aéb", "\n", "a\nb", "日本", "日本語", "ÉA", "ſ", "K")
	sets["invalid"] = dictOf("", "a", "a\xff", "\xff\xfe", "é")
	for name, d := range sets {
		terms := mustTerms(t, d)
		for _, expr := range patterns {
			t.Run(name+"/"+expr, func(t *testing.T) { checkPattern(t, terms, d, expr) })
		}
	}
}

func TestCompilePatternRefusesBadSyntax(t *testing.T) {
	for _, expr := range []string{"(", "a{2000}", "[z-a]", "*", ")", "(?z)"} {
		if _, err := CompilePattern(expr); base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("%q: error %v", expr, err)
		}
	}
}

func TestLargeAutomataAreLeftToRE2(t *testing.T) {
	for _, expr := range []string{`[ab]*a[ab]{30}`, `\pL+`, `(?i)\pL{1,10}.*`, `a\bb`} {
		p, err := CompilePattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		if p.automaton() != nil {
			t.Errorf("%q has an automaton", expr)
		}
	}
}

func FuzzMatch(f *testing.F) {
	for _, expr := range patterns {
		f.Add(expr, "user-1,user-2,a,ab,aab,é,\xff")
	}
	f.Fuzz(func(t *testing.T, expr, list string) {
		if len(expr) > 30 {
			return // the twin's time, not ours, limits the rounds
		}
		d := dictOf(strings.Split(list, ",")...)
		checkPattern(t, mustTerms(t, d), d, expr)
	})
}
