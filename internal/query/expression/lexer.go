package expression

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
)

// tokenKind is the sort of a token of the text form.
type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // http.status_code, and, span.duration
	tokenNumber           // 500, -1.5, 2s, 2026-08-16T18:56:20Z: what begins like a number
	tokenText             // "in quotes", or in backquotes; text is what they mean
	tokenSign             // ( ) [ ] , : and the operators
)

type token struct {
	kind tokenKind
	text string
	// raw is the token as written.
	raw string
	// offset is the token's first byte.
	offset int
}

// is says whether the token is the word, in any case.
func (t token) is(word string) bool {
	return t.kind == tokenWord && strings.EqualFold(t.text, word)
}

func (t token) isSign(sign string) bool { return t.kind == tokenSign && t.text == sign }

// keywords cannot be keys or constants without quotes, in any case.
var keywords = []string{"and", "or", "not", "in", "exists", "some", "phrase", "fulltext"}

// signs of two bytes come before those they begin with.
var signs = []string{"!=", "==", ">=", "<=", "(", ")", "[", "]", ",", ":", "=", ">", "<", "~"}

// lexer cuts a text into tokens.
type lexer struct {
	text   string
	offset int
}

// next returns the next token; after the last one it returns tokenEnd for ever.
func (l *lexer) next() (token, error) {
	rest := strings.TrimLeftFunc(l.text[l.offset:], unicode.IsSpace)
	l.offset = len(l.text) - len(rest)
	if rest == "" {
		return token{offset: l.offset}, nil
	}
	r, size := utf8.DecodeRuneInString(rest)
	switch {
	case startsWord(r):
		return l.take(tokenWord, prefixOf(rest, continuesWord)), nil
	case startsNumber(rest):
		return l.take(tokenNumber, rest[:1]+prefixOf(rest[1:], continuesNumber)), nil
	case r == '"' || r == '`':
		return l.quoted(rest)
	}
	for _, sign := range signs {
		if strings.HasPrefix(rest, sign) {
			return l.take(tokenSign, sign), nil
		}
	}
	return token{}, failText(l.text, l.offset, "found "+quote(rest[:size])+", want a word, a number, text in double quotes or an operator")
}

func (l *lexer) take(kind tokenKind, raw string) token {
	t := token{kind: kind, text: raw, raw: raw, offset: l.offset}
	l.offset += len(raw)
	return t
}

// quoted reads text in double quotes, with the escapes of Go, or in
// backquotes, without any.
func (l *lexer) quoted(rest string) (token, error) {
	raw, err := strconv.QuotedPrefix(rest)
	if err != nil {
		want := `text that ends with ` + rest[:1] + ` on the same line, with escapes such as \n, \" and \u00e9`
		return token{}, failText(l.text, l.offset, "found "+quote(rest)+", want "+want)
	}
	t := l.take(tokenText, raw)
	if t.text, err = strconv.Unquote(raw); err != nil {
		return token{}, failText(l.text, t.offset, "found "+quote(raw)+", want text in quotes")
	}
	return t, nil
}

// prefixOf returns the longest prefix of runes that satisfy ok.
func prefixOf(s string, ok func(rune) bool) string {
	end := strings.IndexFunc(s, func(r rune) bool { return !ok(r) })
	if end < 0 {
		return s
	}
	return s[:end]
}

func startsWord(r rune) bool {
	return r == '_' || r != utf8.RuneError && unicode.IsLetter(r)
}

func continuesWord(r rune) bool {
	return startsWord(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune(".-/@$", r)
}

// startsNumber says whether s begins with a digit, or with a sign or a point
// before one.
func startsNumber(s string) bool {
	s = strings.TrimLeft(s[:min(len(s), 3)], "+-.")
	return s != "" && '0' <= s[0] && s[0] <= '9'
}

func continuesNumber(r rune) bool {
	return r != utf8.RuneError && unicode.IsLetter(r) || '0' <= r && r <= '9' || strings.ContainsRune(".:+-_", r)
}

// wholly says whether the text is one token of the kind and nothing else.
func wholly(text string, kind tokenKind) bool {
	l := lexer{text: text}
	t, err := l.next()
	return err == nil && t.kind == kind && t.raw == text
}

// failText returns an error at the byte offset of a text.
func failText(text string, offset int, what string) error {
	return base.Errorf(base.ClassInvalid, "filter: %s: %s", position(text, offset), what)
}

// position returns "line 1, column 7" for a byte offset; columns count
// characters.
func position(text string, offset int) string {
	before := text[:min(offset, len(text))]
	line := 1 + strings.Count(before, "\n")
	column := 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	return "line " + strconv.Itoa(line) + ", column " + strconv.Itoa(column)
}
