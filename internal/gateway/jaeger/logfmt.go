package jaeger

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// logfmt reads tag conditions as people type them into Jaeger's page: words
// key=value, the value bare or in double quotes with Go's escapes; a key alone
// means true. The page sends JSON; people who write addresses by hand need not.
func (p *params) logfmt(dst map[string]string, name, text string) {
	const want = `words such as error=true http.method="GET /", or a JSON object of texts`
	for rest := strings.TrimLeftFunc(text, unicode.IsSpace); rest != ""; rest = strings.TrimLeftFunc(rest, unicode.IsSpace) {
		end := strings.IndexFunc(rest, func(r rune) bool { return r == '=' || unicode.IsSpace(r) })
		if end < 0 {
			end = len(rest)
		}
		key := rest[:end]
		rest = rest[end:]
		if key == "" || strings.Contains(key, `"`) {
			p.fail(name, text, want)
			return
		}
		value := "true"
		if after, ok := strings.CutPrefix(rest, "="); ok {
			if value, rest, ok = cutWord(after); !ok {
				p.fail(name, text, want)
				return
			}
		}
		dst[key] = value
	}
}

// cutWord cuts the value off the front of s; ok is false for a quote that does
// not end, or in which there is something odd.
func cutWord(s string) (value, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexFunc(s, unicode.IsSpace)
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], !strings.Contains(s[:end], `"`)
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return "", "", false
	}
	value, err = strconv.Unquote(quoted)
	rest = s[len(quoted):]
	next, _ := utf8.DecodeRuneInString(rest)
	return value, rest, err == nil && (rest == "" || unicode.IsSpace(next))
}
