package expression

import (
	"regexp/syntax"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

func TestPatterns(t *testing.T) {
	f := func(pattern, want string) {
		t.Helper()
		re, err := Compile(pattern)
		switch {
		case want == "" && err != nil:
			t.Errorf("Compile(%s): %v", pattern, err)
		case want == "" && re == nil:
			t.Errorf("Compile(%s) = nil", pattern)
		case want != "" && err == nil:
			t.Errorf("Compile(%s) succeeded, want %s", pattern, want)
		case want != "" && !strings.HasPrefix(err.Error(), "pattern: "+want):
			t.Errorf("Compile(%s)\n got %s\nwant pattern: %s", pattern, err, want)
		}
	}
	// What search engines share.
	f(``, ``)
	f(`GET|POST`, ``)
	f(`a.*b+c?[^x-z]{2,3}(?:d|e)(?P<name>f)(?<other>i)`, ``)
	f(`[Aa]bc`, ``) // a class that the parser turns into a folding literal
	f(`[[:alpha:]^$\]](?s).`, ``)
	f(`[](?i)]`, ``)
	f(`[^](?i)]`, ``)
	f(`\Q^$(?i)\E`, ``)
	f(`\Q(?i)`, ``)
	f(`\(?i`, ``)
	f(`\^\$\\`, ``)
	f(`\d\pL\x{1f600}@&~#<1-5>`, ``)
	f(`(?-i)a`, ``)
	f(`(?s-i:a)`, ``)
	f(`\Qa+?\E`, ``)
	// What they do not share.
	f(`^a`, `found an anchor`)
	f(`a$`, `found an anchor`)
	f(`x(a|\Ab)`, `found an anchor`)
	f(`a\z`, `found an anchor`)
	f(`(?m)^a`, `found an anchor`)
	f(`(?:^)*a`, `found an anchor`)
	f(`\ba`, `found a word boundary`)
	f(`(a\B)?`, `found a word boundary`)
	f(`a*?`, `found a lazy quantifier`)
	f(`(a+?|b)`, `found a lazy quantifier`)
	f(`a??b`, `found a lazy quantifier`)
	f(`a{2,3}?`, `found a lazy quantifier`)
	f(`(?i)a`, `found the inline flag 'i'`)
	f(`(?i:a)`, `found the inline flag 'i'`)
	f(`a(?sim-U)b`, `found the inline flag 'i'`)
	f(`(?U)a*`, `found the inline flag 'U'`)
	f(`[[:alpha:]](?i)a`, `found the inline flag 'i'`)
	f(`[\]](?i)a`, `found the inline flag 'i'`)
	f(`[[](?i)a[:]`, `found the inline flag 'i'`)
	f(`\Qx\E(?i)a`, `found the inline flag 'i'`)
	// What is no pattern, or too much of one.
	f(`(a`, `found missing closing ) "(a", want a pattern in RE2 syntax`)
	f(`a**`, `found invalid nested repetition operator "**", want a pattern in RE2 syntax`)
	f(`\1`, `found invalid escape sequence "\\1", want a pattern in RE2 syntax`)
	f(`(?=a)`, `found invalid or unsupported Perl syntax "(?=", want a pattern in RE2 syntax`)
	f(`a{1001}`, `found invalid repeat count "{1001}", want a pattern in RE2 syntax`)
	f(`((a{30}){30}){30}`, `found invalid repeat count "{30}", want a pattern in RE2 syntax`)
	f(`(abcdefghij){1000}`, `found a pattern that takes too many steps`)
	f(`(abcdefghij){,1000}`, ``)
	f(`(abcdefghij){1000,}`, `found a pattern that takes too many steps`)
	f(`((abcdef){0,80}){10}`, ``)
	f(`((abcdefghi){100}x){0,10}`, `found a pattern that takes too many steps`)
	f(strings.Repeat(`(`, 2000)+strings.Repeat(`)`, 2000), `found a pattern that takes too many steps`)
	f(strings.Repeat(`a`, MaxString), ``)
	f(strings.Repeat(`a`, MaxString+1), `found a pattern that takes too many steps`)

	if _, err := Compile(`(abcdefghij){1000}`); base.ClassOf(err) != base.ClassTooLarge {
		t.Errorf("class of a large pattern: %v", err)
	}
	if _, err := Compile(`(`); base.ClassOf(err) != base.ClassInvalid {
		t.Errorf("class of a broken pattern: %v", err)
	}
	re, err := Compile(`b.d`)
	if err != nil || !re.MatchString("abcde") || re.MatchString("aBcDe") {
		t.Errorf("Compile(b.d) = %v, %v; want a match anywhere, case-sensitively", re, err)
	}
}

// FuzzPattern demands that what is accepted also compiles, that nothing in
// it is lazy, and that everything else is refused politely.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{`a.*b`, `(?i)a`, `[](?i)]`, `\Q(?i)\E`, `(abcdefghij){1000}`, `[[:alpha:]](?i)a`, `^a`, `[a\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		re, err := Compile(pattern)
		if err == nil {
			re.MatchString("some text to try it on")
			if tree, err := syntax.Parse(pattern, syntax.Perl); err != nil || lazy(tree) {
				t.Fatalf("Compile(%q) accepts a lazy pattern, %v", pattern, err)
			}
			return
		}
		if class := base.ClassOf(err); class != base.ClassInvalid && class != base.ClassTooLarge {
			t.Fatalf("Compile(%q): class %s", pattern, class)
		}
	})
}

// lazy says whether any node is: the flag U marks those that have no quantifier.
func lazy(re *syntax.Regexp) bool {
	return re.Flags&syntax.NonGreedy != 0 || slices.ContainsFunc(re.Sub, lazy)
}
