package expression

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/pandodb/pando/internal/base"
)

// ParseJSON reads a filter in the JSON of api/v3: the proto3 JSON of
// jaeger.expression.v1.Call (doc.go shows it). It is strict: unknown or
// repeated members, two terms in one object, values of another JSON type and
// anything after the filter are errors that name their position. As everywhere
// in proto3 JSON a member that is null counts as left out.
//
// What is read need not make sense: Validate says. Errors are of the classes
// invalid and too large; MaxBytes, MaxDepth, MaxNodes and MaxValues hold
// already here.
func ParseJSON(data []byte) (*Call, error) {
	if len(data) > MaxBytes {
		return nil, base.Errorf(base.ClassTooLarge, "filter: found %d bytes of JSON, the limit is %d", len(data), MaxBytes)
	}
	if err := checkUnicode(data); err != nil {
		return nil, err
	}
	r := jsonReader{dec: json.NewDecoder(bytes.NewReader(data))}
	r.dec.UseNumber()
	c, err := r.filter()
	if err != nil {
		return nil, err
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, base.Errorf(base.ClassInvalid, "filter: found more after it at byte %d, want the end", r.dec.InputOffset())
	}
	return c, nil
}

// checkUnicode refuses what encoding/json would replace silently: bytes that
// are not UTF-8 and halves of surrogate pairs.
func checkUnicode(data []byte) error {
	if !utf8.Valid(data) {
		return base.Errorf(base.ClassInvalid, "filter: found bytes that are not UTF-8, want JSON in UTF-8")
	}
	for i := 0; i+1 < len(data); i++ {
		if data[i] != '\\' {
			continue
		}
		unit := escapedUnit(data[i:])
		switch {
		case unit < 0xd800 || unit > 0xdfff:
			i++
		case unit < 0xdc00 && inLowHalf(data[i+6:]):
			i += 11
		default:
			return base.Errorf(base.ClassInvalid, "filter: found half of a surrogate pair at byte %d, want both halves", i)
		}
	}
	return nil
}

func inLowHalf(s []byte) bool {
	unit := escapedUnit(s)
	return 0xdc00 <= unit && unit <= 0xdfff
}

// escapedUnit returns the UTF-16 unit of an escape that s begins with, -1 when
// it begins with none.
func escapedUnit(s []byte) int64 {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int64(unit)
}

// jsonReader builds terms from the tokens of a decoder.
type jsonReader struct {
	dec   *json.Decoder
	nodes int
}

// jsonPlace is where the reader is: the path for messages, and how many calls
// are open.
type jsonPlace struct {
	path  string
	depth int
}

func (p jsonPlace) member(name string) jsonPlace {
	return jsonPlace{path: p.path + "." + name, depth: p.depth}
}

func (p jsonPlace) element(i int) jsonPlace {
	return jsonPlace{path: p.path + "[" + strconv.Itoa(i) + "]", depth: p.depth}
}

func (p jsonPlace) fail(found, want string) error {
	return base.Errorf(base.ClassInvalid, "%s: found %s, want %s", p.path, found, want)
}

func (p jsonPlace) tooLarge(limit int, what string) error {
	return base.Errorf(base.ClassTooLarge, "%s: found more than %d %s, which is the limit", p.path, limit, what)
}

func (r *jsonReader) filter() (*Call, error) {
	at := jsonPlace{path: "filter"}
	t, err := r.token(at)
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, at.fail("null", "an object")
	}
	return r.call(at, t)
}

// token returns the next token. The decoder checks the syntax.
func (r *jsonReader) token(at jsonPlace) (json.Token, error) {
	t, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return nil, at.fail("the end of the text", "more JSON")
	case err != nil:
		return nil, base.Errorf(base.ClassInvalid, "%s: no JSON near byte %d: %w", at.path, r.dec.InputOffset(), err)
	}
	return t, nil
}

func (r *jsonReader) countNode(at jsonPlace) error {
	if r.nodes++; r.nodes > MaxNodes {
		return at.tooLarge(MaxNodes, "terms")
	}
	return nil
}

// object reads an object whose first token is t. It calls read with the name
// of each member and the first token of its value; null members are skipped.
func (r *jsonReader) object(at jsonPlace, t json.Token, names []string, read func(name string, t json.Token) error) error {
	if t != json.Delim('{') {
		return at.fail(describeToken(t), "an object")
	}
	var seen []string
	for r.dec.More() {
		t, err := r.token(at)
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if !slices.Contains(names, name) {
			return at.fail("the member "+quote(name), oneOf(names))
		}
		if slices.Contains(seen, name) {
			return at.fail("the member "+quote(name)+" twice", "it once")
		}
		seen = append(seen, name)
		if t, err = r.token(at.member(name)); err != nil {
			return err
		}
		if t == nil {
			continue
		}
		if err := read(name, t); err != nil {
			return err
		}
	}
	_, err := r.token(at)
	return err
}

// array reads an array whose first token is t and calls read with the first
// token of each element.
func (r *jsonReader) array(at jsonPlace, t json.Token, read func(at jsonPlace, t json.Token) error) error {
	if t != json.Delim('[') {
		return at.fail(describeToken(t), "an array")
	}
	for i := 0; r.dec.More(); i++ {
		element := at.element(i)
		t, err := r.token(element)
		if err != nil {
			return err
		}
		if err := read(element, t); err != nil {
			return err
		}
	}
	_, err := r.token(at)
	return err
}

func (r *jsonReader) call(at jsonPlace, t json.Token) (*Call, error) {
	if at.depth++; at.depth > MaxDepth {
		return nil, at.tooLarge(MaxDepth, "calls one in the other")
	}
	if err := r.countNode(at); err != nil {
		return nil, err
	}
	c := &Call{}
	err := r.object(at, t, []string{"op", "args"}, func(name string, t json.Token) error {
		if name == "op" {
			return readText(at.member(name), t, &c.Op)
		}
		return r.array(at.member(name), t, func(at jsonPlace, t json.Token) error {
			arg, err := r.term(at, t)
			c.Args = append(c.Args, arg)
			return err
		})
	})
	return c, err
}

func (r *jsonReader) term(at jsonPlace, t json.Token) (Term, error) {
	var term Term
	err := r.object(at, t, termNames, func(name string, t json.Token) error {
		if term != nil {
			return at.fail("a second term "+quote(name), "one term")
		}
		var err error
		term, err = r.termNamed(at.member(name), name, t)
		return err
	})
	if err != nil {
		return nil, err
	}
	if term == nil {
		return nil, at.fail("no term", oneOf(termNames))
	}
	return term, nil
}

// termNames are the members of which a term's object has one.
var termNames = []string{"attr", "field", "nested", "scalar", "list", "call"}

func (r *jsonReader) termNamed(at jsonPlace, name string, t json.Token) (Term, error) {
	if name == "call" {
		return r.call(at, t)
	}
	if err := r.countNode(at); err != nil {
		return nil, err
	}
	switch name {
	case "attr":
		a := &Attr{}
		return a, r.object(at, t, []string{"key", "level"}, func(name string, t json.Token) error {
			if name == "key" {
				return readText(at.member(name), t, &a.Key)
			}
			return readText(at.member(name), t, &a.Level)
		})
	case "field":
		f := &Field{}
		return f, r.object(at, t, []string{"name", "level"}, func(name string, t json.Token) error {
			if name == "name" {
				return readText(at.member(name), t, &f.Name)
			}
			return readText(at.member(name), t, &f.Level)
		})
	case "nested":
		n := &Nested{}
		return n, r.object(at, t, []string{"level"}, func(name string, t json.Token) error {
			return readText(at.member(name), t, &n.Level)
		})
	case "scalar":
		s := &Scalar{}
		return s, r.object(at, t, []string{"value", "type"}, func(name string, t json.Token) error {
			if name == "value" {
				return readText(at.member(name), t, &s.Value)
			}
			return readText(at.member(name), t, &s.Type)
		})
	}
	return r.list(at, t)
}

func (r *jsonReader) list(at jsonPlace, t json.Token) (*List, error) {
	l := &List{}
	err := r.object(at, t, []string{"values", "type"}, func(name string, t json.Token) error {
		if name == "type" {
			return readText(at.member(name), t, &l.Type)
		}
		return r.array(at.member(name), t, func(element jsonPlace, t json.Token) error {
			if len(l.Values) == MaxValues {
				return element.tooLarge(MaxValues, "values")
			}
			var value string
			err := readText(element, t, &value)
			l.Values = append(l.Values, value)
			return err
		})
	})
	return l, err
}

func readText[T ~string](at jsonPlace, t json.Token, to *T) error {
	s, ok := t.(string)
	if !ok {
		return at.fail(describeToken(t), "text in quotes")
	}
	*to = T(s)
	return nil
}

func describeToken(t json.Token) string {
	switch t := t.(type) {
	case nil:
		return "null"
	case string:
		return "the text " + quote(t)
	case bool:
		return strconv.FormatBool(t)
	case json.Number:
		return "the number " + shorten(t.String())
	case json.Delim:
		if t == '[' {
			return "an array"
		}
		return "an object"
	}
	return fmt.Sprint(t)
}
