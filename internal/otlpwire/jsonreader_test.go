package otlpwire

import (
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// outline reads a JSON text with a JSONReader and returns its tokens.
func outline(r *JSONReader) (string, error) {
	var b strings.Builder
	err := outlineValue(r, &b)
	if err == nil {
		err = r.End()
	}
	return b.String(), err
}

func outlineValue(r *JSONReader, b *strings.Builder) error {
	var text []byte
	var err error
	switch c := r.Peek(); {
	case c == '"':
		text, err = r.Text()
	case c == '[' || c == '{':
		return outlineNested(r, b, c)
	case c == '-' || c >= '0' && c <= '9':
		text, err = r.Number()
	case r.Literal("true"):
		text = []byte("yes")
	case r.Literal("skip"): // no JSON: the value behind it is skipped
		return r.Skip()
	default:
		return r.Unexpected("want a value")
	}
	b.Write(text)
	return err
}

func outlineNested(r *JSONReader, b *strings.Builder, opener byte) error {
	if err := r.Open(opener); err != nil {
		return err
	}
	b.WriteByte(opener)
	for first := true; ; first = false {
		more, err := r.More(first, opener+2)
		if err != nil || !more {
			b.WriteByte(opener + 2)
			return err
		}
		if opener == '{' {
			name, err := r.Name()
			if err != nil {
				return err
			}
			b.Write(append(name, '='))
		}
		if err := outlineValue(r, b); err != nil {
			return err
		}
		b.WriteByte(' ')
	}
}

func TestJSONReader(t *testing.T) {
	for in, want := range map[string]string{
		` [1, "a\n", {"b" : true, "c":[ ]}] ` + "\n": "[1 a\n {b=yes c=[] } ]",
		`-1.5e3`:              "-1.5e3",
		`[skip{"a":[1,2]},3]`: "[ 3 ]",
	} {
		if got, err := outline(NewJSONReader([]byte(in))); got != want || err != nil {
			t.Errorf("%s: got %q, %v; want %q", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		``:          "offset 0: text ends early: want a value",
		`[1 2]`:     "offset 3: found '2': want , or ]",
		`[1,]`:      "offset 3: found ']': want a value after the comma",
		`{"a" 1}`:   "offset 5: found '1': want :",
		`{a:1}`:     "offset 1: found 'a': want \"",
		`1 1`:       "offset 2: found '1': want the end of the text",
		"1\x00":     "offset 1: found '\\x00': want the end of the text",
		`["a`:       "offset 3: text ends early: want the end of a string",
		`[skip[[}]`: "offset 7: found '}': want a number",
	} {
		_, err := outline(NewJSONReader([]byte(in)))
		if base.ClassOf(err) != base.ClassInvalid || err.Error() != want {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}
