package index

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"sync"

	automaton "github.com/blevesearch/vellum/regexp"

	"github.com/pandodb/pando/internal/base"
)

const (
	// automatonTerms is how many terms a range must have before an automaton is
	// built for it. Building takes about 1 ms, RE2 on this many terms as well.
	automatonTerms = 4096

	// automatonBytes limits the automaton's program to 256 instructions. With it
	// the worst expressions found take 70 ms to build, or to be refused; with
	// the library's default, more than a second.
	automatonBytes = 256 * 40

	// startState is that of a fresh automaton, deadState one that cannot match.
	startState, deadState = 1, 0
)

// Pattern is a regular expression (RE2 syntax) that a whole term must match.
// It is compiled once for a query and used on many dictionaries; it is safe for
// concurrent use.
type Pattern struct {
	re     *regexp.Regexp
	ast    *syntax.Regexp // equivalent to re on a whole term
	prefix []byte         // every match starts with it
	exact  bool           // prefix is the only match

	once sync.Once
	dfa  *automaton.Regexp // nil when the syntax has no small automaton
}

// CompilePattern compiles an expression. It matches a term only as a whole, and
// a dot matches a line feed too: to search inside terms, write .*x.*. A bad
// expression is a ClassInvalid error.
func CompilePattern(expr string) (*Pattern, error) {
	const flags = syntax.Perl | syntax.DotNL
	ast, err := syntax.Parse(expr, flags)
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "regular expression %q: %w", expr, err)
	}
	re, err := regexp.Compile(`^(?s:` + expr + `)$`)
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "regular expression %q: %w", expr, err)
	}
	ast = trimAnchors(ast)
	setGreedy(ast)
	prog, err := syntax.Compile(ast.Simplify())
	if err != nil {
		return nil, base.Errorf(base.ClassInvalid, "regular expression %q: %w", expr, err)
	}
	prefix, exact := prog.Prefix()
	return &Pattern{re: re, ast: ast, prefix: []byte(prefix), exact: exact}, nil
}

// Match reports whether the pattern matches the whole of term.
func (p *Pattern) Match(term []byte) bool { return p.re.Match(term) }

// Match appends the ordinals of the terms that match p to dst, ascending. Only
// terms with the pattern's literal prefix are looked at; large ranges are
// intersected with an automaton, which does not look twice at a prefix that
// neighbours share.
func (t *Terms) Match(dst []uint32, p *Pattern) []uint32 {
	if p.exact {
		if ord, ok := t.Lookup(p.prefix); ok {
			dst = append(dst, ord)
		}
		return dst
	}
	first, end := t.Prefix(p.prefix)
	if t.text && end-first >= automatonTerms {
		if dfa := p.automaton(); dfa != nil {
			return t.intersect(dst, dfa, first, end)
		}
	}
	t.Scan(first, end, func(ord uint32, term []byte) bool {
		if p.re.Match(term) {
			dst = append(dst, ord)
		}
		return true
	})
	return dst
}

// automaton returns the pattern's automaton, built at first need, or nil.
func (p *Pattern) automaton() *automaton.Regexp {
	p.once.Do(func() {
		if matchesNothing(p.ast) {
			return
		}
		// An error means that the automaton is too large or that the syntax has
		// none (assertions inside): RE2 serves both.
		p.dfa, _ = automaton.NewParsedWithLimit(p.ast.String(), p.ast, automatonBytes)
	})
	return p.dfa
}

// intersect appends the ordinals in [first, end) whose terms the automaton
// accepts. states[i] is its state after i bytes of the current term, so a term
// costs the bytes it does not share with the one before; and where that one died
// within the shared part, nothing.
func (t *Terms) intersect(dst []uint32, dfa *automaton.Regexp, first, end uint32) []uint32 {
	states := make([]int, 1, 64)
	states[0] = startState
	for b := int(first) / blockTerms; b*blockTerms < int(end); b++ {
		it := t.block(b)
		for ord := uint32(b * blockTerms); ord < min(end, uint32((b+1)*blockTerms)); ord++ {
			shared, suffix := it.next()
			if shared >= len(states) {
				continue
			}
			states = states[:shared+1]
			state := states[shared]
			for _, c := range suffix {
				if state = dfa.Accept(state, c); state == deadState {
					break
				}
				states = append(states, state)
			}
			if ord >= first && dfa.IsMatch(state) {
				dst = append(dst, ord)
			}
		}
	}
	return dst
}

// trimAnchors removes ^ and $ from the ends of an expression: a pattern matches
// whole terms anyway, and automata know no assertions.
func trimAnchors(ast *syntax.Regexp) *syntax.Regexp {
	if ast.Op == syntax.OpBeginText || ast.Op == syntax.OpEndText {
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	}
	if ast.Op != syntax.OpConcat {
		return ast
	}
	for len(ast.Sub) > 0 && ast.Sub[0].Op == syntax.OpBeginText {
		ast.Sub = ast.Sub[1:]
	}
	for n := len(ast.Sub); n > 0 && ast.Sub[n-1].Op == syntax.OpEndText; n = len(ast.Sub) {
		ast.Sub = ast.Sub[:n-1]
	}
	return ast
}

// setGreedy makes every repetition greedy. On a whole term both kinds match the
// same, but automata know only one.
func setGreedy(ast *syntax.Regexp) {
	ast.Flags &^= syntax.NonGreedy
	for _, sub := range ast.Sub {
		setGreedy(sub)
	}
}

// matchesNothing reports whether a part of the expression matches no string,
// which the automaton's compiler takes for the empty string.
func matchesNothing(ast *syntax.Regexp) bool {
	if ast.Op == syntax.OpNoMatch || ast.Op == syntax.OpCharClass && len(ast.Rune) == 0 {
		return true
	}
	return slices.ContainsFunc(ast.Sub, matchesNothing)
}
