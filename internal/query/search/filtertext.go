package search

import (
	"bytes"
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/query/expression"
)

// newPatternTest returns the test for text that the pattern matches anywhere.
func newPatternTest(pattern string) func([]byte) bool {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return func([]byte) bool { return false } // validated filters have no such pattern
	}
	if literal, ok := literalPattern(pattern); ok {
		return func(v []byte) bool { return bytes.Contains(v, literal) }
	}
	return re.Match
}

// literalPattern returns the text that is all the pattern asks for: finding it
// takes a fraction of what the matcher does.
func literalPattern(pattern string) ([]byte, bool) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, false
	}
	for re.Op == syntax.OpCapture {
		re = re.Sub[0]
	}
	if re.Op != syntax.OpLiteral || re.Flags&syntax.FoldCase != 0 || slices.Contains(re.Rune, utf8.RuneError) {
		return nil, false // the matcher takes bytes that are no UTF-8 for utf8.RuneError
	}
	return []byte(string(re.Rune)), true
}

// newWordTest returns the test for text that has the words: next to each other
// and in order for a phrase, anywhere for full text. Case does not count.
func newWordTest(op expression.Op, list []string) func([]byte) bool {
	words := make([][]byte, len(list))
	for i, w := range list {
		words[i] = []byte(w)
	}
	if op == expression.OpPhrase {
		return func(text []byte) bool { return hasPhrase(text, words) }
	}
	return func(text []byte) bool {
		for _, w := range words {
			if !hasWord(text, w) {
				return false
			}
		}
		return true
	}
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// cutWord returns the first word of the text and what follows it; both are empty
// when there is none.
func cutWord(text []byte) (word, rest []byte) {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if isWordRune(r) {
			break
		}
		text = text[n:]
	}
	end := 0
	for end < len(text) {
		r, n := utf8.DecodeRune(text[end:])
		if !isWordRune(r) {
			break
		}
		end += n
	}
	return text[:end], text[end:]
}

func hasWord(text, want []byte) bool {
	word, rest := cutWord(text)
	for len(word) > 0 {
		if bytes.EqualFold(word, want) {
			return true
		}
		word, rest = cutWord(rest)
	}
	return false
}

func hasPhrase(text []byte, words [][]byte) bool {
	word, rest := cutWord(text)
	for len(word) > 0 {
		if bytes.EqualFold(word, words[0]) && followedBy(rest, words[1:]) {
			return true
		}
		word, rest = cutWord(rest)
	}
	return false
}

func followedBy(text []byte, words [][]byte) bool {
	var word []byte
	for _, want := range words {
		if word, text = cutWord(text); !bytes.EqualFold(word, want) {
			return false
		}
	}
	return true
}
