package ui

import (
	"strings"
	"unicode"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/search"
)

// maxTags is the most words one request may hold.
const maxTags = 64

// parseTags reads logfmt words: key=value, both bare or double-quoted with
// backslash escapes (\n and \t are what they look like, any other character
// stands for itself). Words look at every level and match other types by their
// text.
//
// web/src/lib/logfmt.ts reads the same language before a request is sent.
func parseTags(text string) ([]search.Tag, error) {
	var tags []search.Tag
	rest := strings.TrimLeftFunc(text, isSpace)
	for rest != "" {
		if len(tags) == maxTags {
			return nil, base.Errorf(base.ClassTooLarge, "more than %d tag conditions", maxTags)
		}
		key, after, ok := cutKey(rest)
		if !ok {
			return nil, base.Errorf(base.ClassInvalid, "tags: want key=value at %.40q", rest)
		}
		value, after, ok := cutValue(after)
		if !ok {
			return nil, base.Errorf(base.ClassInvalid, "tags: the quote after %.40s= is not closed", key)
		}
		tags = append(tags, search.Tag{
			Key:     key,
			Value:   trace.Value{Kind: trace.KindString, Str: value},
			AnyType: true,
		})
		rest = strings.TrimLeftFunc(after, isSpace)
	}
	return tags, nil
}

// isSpace is what separates words: what \s matches in JavaScript.
func isSpace(r rune) bool { return r == '\ufeff' || r != '\u0085' && unicode.IsSpace(r) }

// cutKey splits a key and its = off the front of s; ok is false where neither
// form of a key is.
func cutKey(s string) (key, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		key, rest, ok = strings.Cut(s, "=")
		return key, rest, ok && key != "" && !strings.Contains(key, `"`) && strings.IndexFunc(key, isSpace) < 0
	}
	key, rest, ok = cutValue(s)
	rest, equals := strings.CutPrefix(rest, "=")
	return key, rest, ok && equals && key != ""
}

// cutValue splits a value off the front of s; ok is false for an open quote.
func cutValue(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexFunc(s, isSpace)
		if end < 0 {
			return s, "", true
		}
		return s[:end], s[end:], true
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i < len(s) {
				b.WriteByte(unescape(s[i]))
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func unescape(c byte) byte {
	switch c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	default:
		return c
	}
}
