package expression

import (
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

var badTexts = []struct{ text, want string }{
	{``, `filter: line 1, column 1: found the end, want a condition: a reference, a constant, not, exists, some or "("`},
	{"  \n ", `filter: line 2, column 2: found the end, want a condition: a reference, a constant, not, exists, some or "("`},
	{`service`, `filter: line 1, column 8: found the end, want an operator: =, !=, >, >=, <, <=, ~, in, not in, phrase or fulltext`},
	{`service like "x"`, `filter: line 1, column 9: found "like", want an operator: =, !=, >, >=, <, <=, ~, in, not in, phrase or fulltext`},
	{`service =`, `filter: line 1, column 10: found the end, want a value: a word, a number, text in double quotes, or a reference with its level`},
	{`service = and`, `filter: line 1, column 11: found "and", want a value: a word, a number, text in double quotes, or a reference with its level`},
	{`a = 1 b = 2`, `filter: line 1, column 7: found "b", want and, or, or the end`},
	{`a = 1 && b = 2`, `filter: line 1, column 7: found "&", want a word, a number, text in double quotes or an operator`},
	{`(a = 1`, `filter: line 1, column 7: found the end, want and, or, or ")"`},
	{`a = 1)`, `filter: line 1, column 6: found ")", want and, or, or the end`},
	{`a = 1 and`, `filter: line 1, column 10: found the end, want a condition: a reference, a constant, not, exists, some or "("`},
	{"a = 1\nand é = 'x'", `filter: line 2, column 9: found "'", want a word, a number, text in double quotes or an operator`},
	{`and = 1`, `filter: line 1, column 1: found "and", want a reference such as span.duration, http.route or attr["a key"]`},
	{`exists 5`, `filter: line 1, column 8: found "5", want a reference such as span.duration, http.route or attr["a key"]`},
	{`a not like (1)`, `filter: line 1, column 7: found "like", want "in" after "not"`},
	{`a in 5`, `filter: line 1, column 6: found "5", want "(" and values, or a type and ":" before them`},
	{`a in ()`, `filter: line 1, column 7: found ")", want a value: a word, a number or text in double quotes`},
	{`a in (1 2)`, `filter: line 1, column 9: found "2", want "," or ")"; a type stands once, before "("`},
	{`a in (int:1)`, `filter: line 1, column 10: found ":", want "," or ")"; a type stands once, before "("`},
	{`a in int (1)`, `filter: line 1, column 10: found "(", want ":"`},
	{`a in (1,`, `filter: line 1, column 9: found the end, want a value: a word, a number or text in double quotes`},
	{`a = int:`, `filter: line 1, column 9: found the end, want a constant of the type int`},
	{`some span (a = 1)`, `filter: line 1, column 6: found "span", want one of event, link after "some"`},
	{`some event a = 1`, `filter: line 1, column 12: found "a", want "(" and a condition on the event`},
	{`span. = 1`, `filter: line 1, column 1: found "span.", want a field or an attribute after the point`},
	{`foo["x"] = 1`, `filter: line 1, column 1: found "foo" before "[", want attr or one of span, resource, scope, event, link`},
	{`attr[x] = 1`, `filter: line 1, column 6: found "x", want the key in double quotes`},
	{`attr["x" = 1`, `filter: line 1, column 10: found "=", want "]"`},
	{`a = "x`, `filter: line 1, column 5: found "\"x", want text that ends with " on the same line, with escapes such as \n, \" and \u00e9`},
	{`a = "\q"`, `filter: line 1, column 5: found "\"\\q\"", want text that ends with " on the same line, with escapes such as \n, \" and \u00e9`},
	// Characters that are no token, wherever the parser meets them.
	{`exists ?`, `filter: line 1, column 8: found "?", want a word, a number, text in double quotes or an operator`},
	{`not ?`, `filter: line 1, column 5: found "?", want a word, a number, text in double quotes or an operator`},
	{`(?`, `filter: line 1, column 2: found "?", want a word, a number, text in double quotes or an operator`},
	{`some ?`, `filter: line 1, column 6: found "?", want a word, a number, text in double quotes or an operator`},
	{`some event ?`, `filter: line 1, column 12: found "?", want a word, a number, text in double quotes or an operator`},
	{`some event (a = 1 and ?`, `filter: line 1, column 23: found "?", want a word, a number, text in double quotes or an operator`},
	{`a ?`, `filter: line 1, column 3: found "?", want a word, a number, text in double quotes or an operator`},
	{`a = ?`, `filter: line 1, column 5: found "?", want a word, a number, text in double quotes or an operator`},
	{`a = int: ?`, `filter: line 1, column 10: found "?", want a word, a number, text in double quotes or an operator`},
	{`a not ?`, `filter: line 1, column 7: found "?", want a word, a number, text in double quotes or an operator`},
	{`a in ?`, `filter: line 1, column 6: found "?", want a word, a number, text in double quotes or an operator`},
	{`a in int ?`, `filter: line 1, column 10: found "?", want a word, a number, text in double quotes or an operator`},
	{`a phrase ?`, `filter: line 1, column 10: found "?", want a word, a number, text in double quotes or an operator`},
	{`a in (1, ?`, `filter: line 1, column 10: found "?", want a word, a number, text in double quotes or an operator`},
	{`attr["x"?`, `filter: line 1, column 9: found "?", want a word, a number, text in double quotes or an operator`},
	{`attr[?`, `filter: line 1, column 6: found "?", want a word, a number, text in double quotes or an operator`},
	{"a = \xff", `filter: line 1, column 5: found "\xff", want a word, a number, text in double quotes or an operator`},
	// Positions of what the validator finds.
	{
		`resource.service = "cart" and span.duration > banana`,
		`filter: line 1, column 47: found "banana", want a duration such as 2s, 1h30m or 50us to compare with the field span.duration`,
	},
	{
		`a = 1 or not (b = 2 and kind = serve)`,
		`filter: line 1, column 32: found "serve", want one of unspecified, internal, server, client, producer, consumer to compare with the field span.kind`,
	},
	{`status > ok`, `filter: line 1, column 1: found the field span.status for "gt", want something with an order: text, a number, a duration or a timestamp`},
	{`a = 1 and duration = name`, `filter: line 1, column 22: found "name", want a duration such as 2s, 1h30m or 50us to compare with the field span.duration`},
	{`duration = span.name`, `filter: line 1, column 12: found the field span.name, which is text, want a duration as the field span.duration is`},
	{`a ~ "x$"`, `filter: line 1, column 5: found an anchor, want a pattern without: it matches anywhere in the value`},
	{`name phrase (x)`, `filter: line 1, column 1: found the field span.name, want an attribute (attr) for "phrase"`},
	{`a phrase ("x-y")`, `filter: line 1, column 10: found "x-y", want one word: letters, digits and marks, at most 255 UTF-16 units`},
	{`a phrase (" ")`, `filter: line 1, column 10: found " ", want one word: letters, digits and marks, at most 255 UTF-16 units`},
	{`attr[""] = 1`, `filter: line 1, column 1: found nothing, want the key of an attribute`},
	{`a = "\xff"`, `filter: line 1, column 5: found "\xff", want text in UTF-8`},
	{`a = int:x`, `filter: line 1, column 5: found "x", want a decimal integer of 64 bits, as its type is int`},
	{
		`a = 1 and some event (not some event (b = 1))`,
		`filter: line 1, column 32: found the collection "event" within a "some" of the same, want at most one around a predicate`,
	},
}

func TestParseRefuses(t *testing.T) {
	for _, bad := range badTexts {
		_, err := Parse(bad.text)
		if err == nil {
			t.Errorf("Parse(%s) succeeded", bad.text)
			continue
		}
		checkRefusal(t, err)
		if err.Error() != bad.want || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("Parse(%s)\n got %s\nwant %s", bad.text, err, bad.want)
		}
	}
}

func TestParseBounds(t *testing.T) {
	f := func(name, text, want string) {
		t.Helper()
		_, err := Parse(text)
		if base.ClassOf(err) != base.ClassTooLarge || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("bytes", strings.Repeat(" ", MaxBytes+1), "the limit is 1048576")
	f("parentheses", strings.Repeat("(", 100_000), "column 129: found more than 128 parentheses")
	f("nots", strings.Repeat("not ", 100_000), "column 513: found more than 128 parentheses and nots")
	f("depth", strings.Repeat("not ", 40)+"a = 1", "more than 32 deep")
	f("terms", "a = 1"+strings.Repeat(" and a = 1", 50_000), "more than 1024 terms")
	f("values", "a in (1"+strings.Repeat(",1", 100_000)+")", "found 100001 values")
	f("value", `a = "`+strings.Repeat("x", 5000)+`"`, "found 5000 bytes")
	f("pattern", `a ~ "(abcdefghij){1000}"`, "too many steps")
}
