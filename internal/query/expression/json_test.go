package expression

import (
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

var badJSON = []struct{ json, want string }{
	{``, `filter: found the end of the text, want more JSON`},
	{`null`, `filter: found null, want an object`},
	{`[]`, `filter: found an array, want an object`},
	{`"eq"`, `filter: found the text "eq", want an object`},
	{`7`, `filter: found the number 7, want an object`},
	{`{"op":"eq"`, `filter: found the end of the text, want more JSON`},
	{`{"op":`, `filter.op: found the end of the text, want more JSON`},
	{`{"op":"eq"} {}`, `filter: found more after it at byte 13, want the end`},
	{`{"op":"eq"}x`, `filter: found more after it at byte 11, want the end`},
	{`{"call":{"op":"eq"}}`, `filter: found the member "call", want one of op, args`},
	{`{"Op":"eq"}`, `filter: found the member "Op", want one of op, args`},
	{`{"op":"eq","op":"ne"}`, `filter: found the member "op" twice, want it once`},
	{`{"op":null,"op":"ne"}`, `filter: found the member "op" twice, want it once`},
	{`{"op":5}`, `filter.op: found the number 5, want text in quotes`},
	{`{"op":true}`, `filter.op: found true, want text in quotes`},
	{`{"op":{}}`, `filter.op: found an object, want text in quotes`},
	{`{"args":{}}`, `filter.args: found an object, want an array`},
	{`{"args":[null]}`, `filter.args[0]: found null, want an object`},
	{`{"args":["a"]}`, `filter.args[0]: found the text "a", want an object`},
	{`{"args":[{}]}`, `filter.args[0]: found no term, want one of attr, field, nested, scalar, list, call`},
	{`{"args":[{"attr":null}]}`, `filter.args[0]: found no term, want one of attr, field, nested, scalar, list, call`},
	{`{"args":[{"ref":{}}]}`, `filter.args[0]: found the member "ref", want one of attr, field, nested, scalar, list, call`},
	{`{"args":[{"attr":{},"field":{}}]}`, `filter.args[0]: found a second term "field", want one term`},
	{`{"args":[{"attr":{}},{"attr":{"name":"x"}}]}`, `filter.args[1].attr: found the member "name", want one of key, level`},
	{`{"args":[{"attr":"x"}]}`, `filter.args[0].attr: found the text "x", want an object`},
	{`{"args":[{"attr":{"level":["span"]}}]}`, `filter.args[0].attr.level: found an array, want text in quotes`},
	{`{"args":[{"field":{"key":"x"}}]}`, `filter.args[0].field: found the member "key", want one of name, level`},
	{`{"args":[{"nested":{"name":"x"}}]}`, `filter.args[0].nested: found the member "name", want one of level`},
	{`{"args":[{"scalar":{"value":500}}]}`, `filter.args[0].scalar.value: found the number 500, want text in quotes`},
	{`{"args":[{"scalar":{"type":false}}]}`, `filter.args[0].scalar.type: found false, want text in quotes`},
	{`{"args":[{"list":{"values":["a",1]}}]}`, `filter.args[0].list.values[1]: found the number 1, want text in quotes`},
	{`{"args":[{"list":{"values":[null]}}]}`, `filter.args[0].list.values[0]: found null, want text in quotes`},
	{`{"args":[{"list":{"values":"a"}}]}`, `filter.args[0].list.values: found the text "a", want an array`},
	{`{"args":[{"call":{"args":[{"call":{"x":1}}]}}]}`, `filter.args[0].call.args[0].call: found the member "x", want one of op, args`},
	{`{"op":"eq" "args":[]}`, `filter: no JSON near byte 11: invalid character '"' after object key:value pair`},
	{`{"op":"a` + "\n" + `b"}`, `filter.op: no JSON near byte 6: invalid character '\n' in string literal`},
	{"{\"op\":\"\xff\"}", `filter: found bytes that are not UTF-8, want JSON in UTF-8`},
	{`{"op":"\ud800"}`, `filter: found half of a surrogate pair at byte 7, want both halves`},
	{`{"op":"\udc00\ud800"}`, `filter: found half of a surrogate pair at byte 7, want both halves`},
	{`{"op":"\ud800\u0041"}`, `filter: found half of a surrogate pair at byte 7, want both halves`},
}

func TestParseJSONRefuses(t *testing.T) {
	for _, bad := range badJSON {
		_, err := ParseJSON([]byte(bad.json))
		if err == nil {
			t.Errorf("ParseJSON(%s) succeeded", bad.json)
			continue
		}
		checkRefusal(t, err)
		if err.Error() != bad.want || base.ClassOf(err) != base.ClassInvalid {
			t.Errorf("ParseJSON(%s)\n got %s\nwant %s", bad.json, err, bad.want)
		}
	}
}

func TestParseJSONBounds(t *testing.T) {
	f := func(name, data, want string) {
		t.Helper()
		_, err := ParseJSON([]byte(data))
		if base.ClassOf(err) != base.ClassTooLarge || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f("bytes", strings.Repeat(" ", MaxBytes+1), "the limit is 1048576")
	f("depth", strings.Repeat(`{"args":[{"call":`, 50_000), "found more than 32 calls one in the other")
	f("root depth", `{"args":[{"call":`+strings.Repeat(`{"args":[{"call":`, 31)+`{`, "found more than 32")
	f("terms", `{"args":[{"attr":{}}`+strings.Repeat(`,{"attr":{}}`, 50_000)+`]}`, "filter.args[1023].attr: found more than 1024 terms")
	f("values", `{"args":[{"list":{"values":[""`+strings.Repeat(`,""`, 100_000)+`]}}]}`, "filter.args[0].list.values[1000]: found more than 1000 values")
	if _, err := ParseJSON([]byte(strings.Repeat("[", MaxBytes))); err == nil {
		t.Error("brackets accepted")
	}
	if _, err := ParseJSON([]byte(`{"op":` + strings.Repeat("[", MaxBytes/2))); err == nil {
		t.Error("brackets accepted")
	}
}
