package expression

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/pandodb/pando/internal/base"
)

// maxPatternCost bounds the compiled size of a pattern, in instructions or so.
// Repeats multiply, so a short pattern may ask for a large program, and each
// distinct value is matched in time proportional to it.
const maxPatternCost = 8192

var errPatternCost = errors.New("found a pattern that takes too many steps, want a shorter one or fewer repeats")

// Compile returns the pattern of a regex call, ready to match anywhere in a
// value with MatchString. It reads RE2 syntax without the parts that search
// engines disagree about: anchors, word boundaries, lazy quantifiers, and the
// flags i and U. The error is of the invalid class, or too large where the
// program would be.
func Compile(pattern string) (*regexp.Regexp, error) {
	if err := checkPattern(pattern); err != nil {
		return nil, base.Errorf(classOfPattern(err), "pattern: %w", err)
	}
	return regexp.Compile(pattern)
}

// classOfPattern returns the class of an error of checkPattern.
func classOfPattern(err error) base.Class {
	if errors.Is(err, errPatternCost) {
		return base.ClassTooLarge
	}
	return base.ClassInvalid
}

// checkPattern returns what is wrong with a pattern, nil when nothing is.
func checkPattern(pattern string) error {
	if len(pattern) > MaxString {
		return errPatternCost
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		if parse, ok := errors.AsType[*syntax.Error](err); ok {
			if parse.Code == syntax.ErrLarge || parse.Code == syntax.ErrNestingDepth {
				return errPatternCost
			}
			return fmt.Errorf("found %s %s, want a pattern in RE2 syntax", parse.Code, quote(parse.Expr))
		}
		return fmt.Errorf("%w, want a pattern in RE2 syntax", err)
	}
	if flag := refusedFlag(pattern); flag != 0 {
		return fmt.Errorf("found the inline flag %q, want a pattern without it: matching is case-sensitive and never lazy", flag)
	}
	if err := checkPortable(re); err != nil {
		return err
	}
	if patternCost(re) > maxPatternCost {
		return errPatternCost
	}
	return nil
}

// checkPortable refuses what the flags of the tree reveal. Case folding is not
// among it: the parser turns the harmless class [Aa] into a folding literal.
func checkPortable(re *syntax.Regexp) error {
	switch re.Op {
	case syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText, syntax.OpEndText:
		return errors.New("found an anchor, want a pattern without: it matches anywhere in the value")
	case syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return errors.New("found a word boundary, want a pattern without")
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if re.Flags&syntax.NonGreedy != 0 {
			return errors.New("found a lazy quantifier, want a greedy one: what is asked is only whether the value matches")
		}
	default: // what is left depends on its operands
	}
	for _, sub := range re.Sub {
		if err := checkPortable(sub); err != nil {
			return err
		}
	}
	return nil
}

// patternCost estimates the instructions of the compiled pattern. It saturates
// above maxPatternCost.
func patternCost(re *syntax.Regexp) int {
	cost := 1 + len(re.Rune)
	for _, sub := range re.Sub {
		cost = min(cost+patternCost(sub), maxPatternCost+1)
	}
	if re.Op == syntax.OpRepeat {
		cost *= max(re.Max, re.Min+1, 1)
	}
	return min(cost, maxPatternCost+1)
}

// refusedFlag returns the first of the flags i and U that an inline group
// turns on, 0 when there is none. The pattern is known to parse.
func refusedFlag(pattern string) rune {
	for i := 0; i < len(pattern); {
		rest := pattern[i:]
		switch {
		case strings.HasPrefix(rest, `\Q`):
			end := strings.Index(rest, `\E`)
			if end < 0 {
				return 0
			}
			i += end + 2
		case rest[0] == '\\':
			i += 2
		case rest[0] == '[':
			i += classLength(rest)
		case strings.HasPrefix(rest, "(?"):
			if flag := flagTurnedOn(rest[2:]); flag != 0 {
				return flag
			}
			i += 2
		default:
			i++
		}
	}
	return 0
}

// flagTurnedOn reads flags such as "is-m:" after "(?". A name, as in
// "P<name>" or "<name>", has none.
func flagTurnedOn(s string) rune {
	for _, r := range s {
		switch r {
		case 'i', 'U':
			return r
		case 's', 'm':
		default:
			return 0
		}
	}
	return 0
}

// classLength returns the length of the bracket expression that s begins with.
// A ] that comes first in it is a member.
func classLength(s string) int {
	i := 1
	if i < len(s) && s[i] == '^' {
		i++
	}
	for first := true; i < len(s) && (first || s[i] != ']'); first = false {
		switch {
		case s[i] == '\\':
			i += 2
		case strings.HasPrefix(s[i:], "[:") && strings.Contains(s[i:], ":]"):
			i += strings.Index(s[i:], ":]") + 2
		default:
			i++
		}
	}
	return i + 1
}
