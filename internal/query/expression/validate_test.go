package expression

import (
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/base"
)

// checkRefusal demands an error of the caller's classes on one short line.
func checkRefusal(t *testing.T, err error) {
	t.Helper()
	if class := base.ClassOf(err); class != base.ClassInvalid && class != base.ClassTooLarge {
		t.Fatalf("class %s of %q", class, err)
	}
	if strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 2000 {
		t.Fatalf("%q: want one short line", err)
	}
	if !strings.HasPrefix(err.Error(), "filter") {
		t.Fatalf("%q: want a position", err)
	}
}

// badFilters are well-formed JSON of filters that Validate refuses.
var badFilters = []struct{ name, json, want string }{
	// Operators and their operands.
	{
		"no operator", `{}`,
		`filter.op: found the operator "", want one of and, or, not, eq, ne, gt, lt, gte, lte, regex, exists, in, not_in, some, phrase, fulltext`,
	},
	{
		"unknown operator", `{"op":"not","args":[{"call":{"op":"matches"}}]}`,
		`filter.args[0].call.op: found the operator "matches", want one of and, or, not, eq, ne, gt, lt, gte, lte, regex, exists, in, not_in, some, phrase, fulltext`,
	},
	{
		"upper case operator", `{"op":"AND"}`,
		`filter.op: found the operator "AND", want one of and, or, not, eq, ne, gt, lt, gte, lte, regex, exists, in, not_in, some, phrase, fulltext`,
	},
	{"and of one", `{"op":"and","args":[{"call":{"op":"exists"}}]}`, `filter.args: found 1 operand of "and", want two or more`},
	{"or of none", `{"op":"or"}`, `filter.args: found 0 operands of "or", want two or more`},
	{"not of two", `{"op":"not","args":[{"call":{}},{"call":{}}]}`, `filter.args: found 2 operands of "not", want 1`},
	{"eq of one", `{"op":"eq","args":[{"attr":{"key":"a"}}]}`, `filter.args: found 1 operand of "eq", want 2`},
	{"exists of two", `{"op":"exists","args":[{"attr":{"key":"a"}},{"attr":{"key":"a"}}]}`, `filter.args: found 2 operands of "exists", want 1`},
	{"in of one", `{"op":"in","args":[{"attr":{"key":"a"}}]}`, `filter.args: found 1 operand of "in", want 2`},
	{"some of one", `{"op":"some","args":[{"nested":{"level":"event"}}]}`, `filter.args: found 1 operand of "some", want 2`},
	{"arity deep down", `{"op":"not","args":[{"call":{"op":"not"}}]}`, `filter.args[0].call.args: found 0 operands of "not", want 1`},
	{
		"and of a reference", `{"op":"and","args":[{"attr":{"key":"a"}},{"attr":{"key":"b"}}]}`,
		`filter.args[0]: found the attribute "a", want a predicate (call) for "and"`,
	},
	{
		"eq of a call", `{"op":"eq","args":[{"attr":{"key":"a"}},{"call":{"op":"exists","args":[{"attr":{"key":"a"}}]}}]}`,
		`filter.args[1]: found a call of "exists", want a value (attr, field or scalar) for "eq"`,
	},
	{
		"eq of a list", `{"op":"eq","args":[{"attr":{"key":"a"}},{"list":{"values":["x"]}}]}`,
		`filter.args[1]: found a list of 1 value, want a value (attr, field or scalar) for "eq"`,
	},
	{
		"eq of a collection", `{"op":"eq","args":[{"nested":{"level":"event"}},{"scalar":{"value":"x"}}]}`,
		`filter.args[0]: found the collection "event", want a value (attr, field or scalar) for "eq"`,
	},
	{
		"in of a scalar", `{"op":"in","args":[{"attr":{"key":"a"}},{"scalar":{"value":"x","type":"int"}}]}`,
		`filter.args[1]: found the constant "x" of type "int", want a list for "in"`,
	},
	{
		"in of constants", `{"op":"in","args":[{"scalar":{"value":"x"}},{"list":{"values":["x"]}}]}`,
		`filter.args[0]: found the constant "x", want a reference (attr or field) for "in"`,
	},
	{
		"exists of a constant", `{"op":"exists","args":[{"scalar":{"value":"x"}}]}`,
		`filter.args[0]: found the constant "x", want a reference (attr or field) for "exists"`,
	},
	{
		"exists of a collection", `{"op":"exists","args":[{"nested":{"level":"link"}}]}`,
		`filter.args[0]: found the collection "link", want a reference (attr or field) for "exists"`,
	},
	{
		"regex the wrong way round", `{"op":"regex","args":[{"scalar":{"value":"x"}},{"attr":{"key":"a","level":"span"}}]}`,
		`filter.args[0]: found the constant "x", want a reference (attr or field) for "regex"`,
	},
	{
		"regex of a reference", `{"op":"regex","args":[{"attr":{"key":"a"}},{"attr":{"key":"b","level":"span"}}]}`,
		`filter.args[1]: found the attribute "b" of "span", want a constant (scalar) for "regex"`,
	},
	{
		"phrase of a field", `{"op":"phrase","args":[{"field":{"name":"name","level":"span"}},{"list":{"values":["x"]}}]}`,
		`filter.args[0]: found the field span.name, want an attribute (attr) for "phrase"`,
	},
	{
		"some of an attribute", `{"op":"some","args":[{"attr":{"key":"a"}},{"call":{}}]}`,
		`filter.args[0]: found the attribute "a", want a collection (nested) for "some"`,
	},
	{
		"some without a predicate", `{"op":"some","args":[{"nested":{"level":"event"}},{"scalar":{"value":"x"}}]}`,
		`filter.args[1]: found the constant "x", want a predicate (call) for "some"`,
	},
	{
		"some within some",
		`{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"not","args":[{"call":{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"exists","args":[{"attr":{"key":"a"}}]}}]}}]}}]}`,
		`filter.args[1].call.args[0].call.args[0]: found the collection "event" within a "some" of the same, want at most one around a predicate`,
	},
	// Names.
	{
		"unknown level", `{"op":"exists","args":[{"attr":{"key":"a","level":"trace"}}]}`,
		`filter.args[0].attr.level: found "trace", want one of span, resource, scope, event, link, or none for span and resource`,
	},
	{"no key", `{"op":"exists","args":[{"attr":{"level":"span"}}]}`, `filter.args[0].attr.key: found nothing, want the key of an attribute`},
	{
		"field without level", `{"op":"exists","args":[{"field":{"name":"duration"}}]}`,
		`filter.args[0].field.level: found "", want one of span, resource, scope, event, link`,
	},
	{
		"unknown field", `{"op":"exists","args":[{"field":{"name":"service","level":"span"}}]}`,
		`filter.args[0].field.name: found "service", want a field of span: one of traceID, spanID, parentSpanID, traceState, name, kind, startTime, endTime, duration, status, statusMessage; attributes are of attr`,
	},
	{
		"field in other case", `{"op":"exists","args":[{"field":{"name":"traceId","level":"link"}}]}`,
		`filter.args[0].field.name: found "traceId", want a field of link: one of traceID, spanID, traceState; attributes are of attr`,
	},
	{
		"some of spans", `{"op":"some","args":[{"nested":{"level":"span"}},{"call":{}}]}`,
		`filter.args[0].nested.level: found "span", want one of event, link`,
	},
	{
		"unknown type", `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"x","type":"duration"}}]}`,
		`filter.args[1].scalar.type: found "duration", want one of string, int, double, bool, or none`,
	},
	{
		"unknown type of a list", `{"op":"in","args":[{"attr":{"key":"a"}},{"list":{"values":["x"],"type":"float"}}]}`,
		`filter.args[1].list.type: found "float", want one of string, int, double, bool, or none`,
	},
	// Constants by themselves.
	{
		"no int", `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"1.5","type":"int"}}]}`,
		`filter.args[1].scalar.value: found "1.5", want a decimal integer of 64 bits, as its type is int`,
	},
	{
		"int too large", `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"9223372036854775808","type":"int"}}]}`,
		`filter.args[1].scalar.value: found "9223372036854775808", want a decimal integer of 64 bits, as its type is int`,
	},
	{
		"no double", `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"1,5","type":"double"}}]}`,
		`filter.args[1].scalar.value: found "1,5", want a number, as its type is double`,
	},
	{
		"no bool", `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"yes","type":"bool"}}]}`,
		`filter.args[1].scalar.value: found "yes", want true or false, as its type is bool`,
	},
	{
		"no value", `{"op":"in","args":[{"attr":{"key":"a"}},{"list":{"type":"int"}}]}`,
		`filter.args[1].list.values: found no value, want one or more: no value is in an empty list`,
	},
	{
		"mixed list", `{"op":"not_in","args":[{"attr":{"key":"a"}},{"list":{"values":["1","x"],"type":"int"}}]}`,
		`filter.args[1].list.values[1]: found "x", want a decimal integer of 64 bits, as the list's type is int`,
	},
	// Constants beside fields.
	{
		"no duration", `{"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"banana"}}]}`,
		`filter.args[1].scalar.value: found "banana", want a duration such as 2s, 1h30m or 50us to compare with the field span.duration`,
	},
	{
		"duration without unit", `{"op":"gt","args":[{"scalar":{"value":"500"}},{"field":{"name":"timeSinceStart","level":"event"}}]}`,
		`filter.args[0].scalar.value: found "500", want a duration such as 2s, 1h30m or 50us to compare with the field event.timeSinceStart`,
	},
	{
		"no timestamp", `{"op":"lt","args":[{"field":{"name":"endTime","level":"span"}},{"scalar":{"value":"yesterday"}}]}`,
		`filter.args[1].scalar.value: found "yesterday", want a timestamp such as 2026-08-16T18:56:20.5Z to compare with the field span.endTime`,
	},
	{
		"typed duration", `{"op":"eq","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"2s","type":"string"}}]}`,
		`filter.args[1]: found the constant "2s" of type "string", which is text, want a duration as the field span.duration is`,
	},
	{
		"name as a number", `{"op":"eq","args":[{"field":{"name":"name","level":"scope"}},{"scalar":{"value":"5","type":"int"}}]}`,
		`filter.args[1]: found the constant "5" of type "int", which is a number, want text as the field scope.name is`,
	},
	{
		"unknown kind", `{"op":"eq","args":[{"field":{"name":"kind","level":"span"}},{"scalar":{"value":"SPAN_KIND_SERVER"}}]}`,
		`filter.args[1].scalar.value: found "SPAN_KIND_SERVER", want one of unspecified, internal, server, client, producer, consumer to compare with the field span.kind`,
	},
	{
		"unknown status", `{"op":"ne","args":[{"field":{"name":"status","level":"span"}},{"scalar":{"value":"Error","type":"string"}}]}`,
		`filter.args[1].scalar.value: found "Error", want one of unset, ok, error to compare with the field span.status`,
	},
	{
		"list with a wrong duration", `{"op":"in","args":[{"field":{"name":"duration","level":"span"}},{"list":{"values":["2s","x"]}}]}`,
		`filter.args[1].list.values[1]: found "x", want a duration such as 2s, 1h30m or 50us to compare with the field span.duration`,
	},
	{
		"list of another type", `{"op":"in","args":[{"field":{"name":"duration","level":"span"}},{"list":{"values":["2s"],"type":"string"}}]}`,
		`filter.args[1].list.type: found "string", want values that are a duration as the field span.duration is, or no type`,
	},
	{
		"list of unknown words", `{"op":"not_in","args":[{"field":{"name":"status","level":"span"}},{"list":{"values":["ok","fine"],"type":"string"}}]}`,
		`filter.args[1].list.values[1]: found "fine", want one of unset, ok, error to compare with the field span.status`,
	},
	// Two values that do not meet.
	{
		"duration and name", `{"op":"eq","args":[{"field":{"name":"duration","level":"span"}},{"field":{"name":"name","level":"span"}}]}`,
		`filter.args[1]: found the field span.name, which is text, want a duration as the field span.duration is`,
	},
	{
		"number and text", `{"op":"eq","args":[{"scalar":{"value":"1","type":"int"}},{"scalar":{"value":"1","type":"string"}}]}`,
		`filter.args[1]: found the constant "1" of type "string", which is text, want a number as the constant "1" of type "int" is`,
	},
	{
		"number and untyped text", `{"op":"eq","args":[{"scalar":{"value":"1","type":"int"}},{"scalar":{"value":"x"}}]}`,
		`filter.args[1].scalar.value: found "x", want a number to compare with the constant "1" of type "int"`,
	},
	// Order.
	{
		"order of kinds", `{"op":"gt","args":[{"field":{"name":"kind","level":"span"}},{"scalar":{"value":"server"}}]}`,
		`filter.args[0]: found the field span.kind for "gt", want something with an order: text, a number, a duration or a timestamp`,
	},
	{
		"order of statuses", `{"op":"lte","args":[{"attr":{"key":"a"}},{"field":{"name":"status","level":"span"}}]}`,
		`filter.args[1]: found the field span.status for "lte", want something with an order: text, a number, a duration or a timestamp`,
	},
	{
		"order of booleans", `{"op":"lt","args":[{"attr":{"key":"a"}},{"scalar":{"value":"true","type":"bool"}}]}`,
		`filter.args[1]: found the constant "true" of type "bool" for "lt", want something with an order: text, a number, a duration or a timestamp`,
	},
	// Patterns and words.
	{
		"pattern on a duration", `{"op":"regex","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"x"}}]}`,
		`filter.args[0]: found the field span.duration, which is a duration, want text for a pattern to match`,
	},
	{
		"pattern of a number", `{"op":"regex","args":[{"attr":{"key":"a"}},{"scalar":{"value":"5","type":"int"}}]}`,
		`filter.args[1].scalar.type: found "int", want string or none for a pattern`,
	},
	{
		"anchor", `{"op":"or","args":[{"call":{"op":"exists","args":[{"attr":{"key":"a"}}]}},{"call":{"op":"regex","args":[{"attr":{"key":"a"}},{"scalar":{"value":"^x"}}]}}]}`,
		`filter.args[1].call.args[1].scalar.value: found an anchor, want a pattern without: it matches anywhere in the value`,
	},
	{
		"words of numbers", `{"op":"phrase","args":[{"attr":{"key":"a"}},{"list":{"values":["5"],"type":"int"}}]}`,
		`filter.args[1].list.type: found "int", want string or none for the words of "phrase"`,
	},
	{
		"two words in one", `{"op":"fulltext","args":[{"attr":{"key":"a"}},{"list":{"values":["a","b c"]}}]}`,
		`filter.args[1].list.values[1]: found "b c", want one word: letters, digits and marks, at most 255 UTF-16 units`,
	},
	{
		"empty word", `{"op":"phrase","args":[{"attr":{"key":"a"}},{"list":{"values":[""]}}]}`,
		`filter.args[1].list.values[0]: found "", want one word: letters, digits and marks, at most 255 UTF-16 units`,
	},
	{
		"punctuation", `{"op":"phrase","args":[{"attr":{"key":"a"}},{"list":{"values":["a-b"]}}]}`,
		`filter.args[1].list.values[0]: found "a-b", want one word: letters, digits and marks, at most 255 UTF-16 units`,
	},
}

func TestValidateRefuses(t *testing.T) {
	for _, bad := range badFilters {
		t.Run(bad.name, func(t *testing.T) {
			c, err := ParseJSON([]byte(bad.json))
			if err != nil {
				t.Fatal(err)
			}
			err = c.Validate()
			if err == nil {
				t.Fatal("accepted")
			}
			checkRefusal(t, err)
			if err.Error() != bad.want {
				t.Errorf("\n got %s\nwant %s", err, bad.want)
			}
			if base.ClassOf(err) != base.ClassInvalid {
				t.Errorf("class %s", base.ClassOf(err))
			}
			if text := c.String(); text != "invalid "+bad.want {
				t.Errorf("String() = %s", text)
			}
		})
	}
}

// TestValidateAccepts lists what a stricter reader of the rules might refuse.
func TestValidateAccepts(t *testing.T) {
	for _, text := range []string{
		`1 = 1`,
		`1 < "x"`,
		`int:1 = double:1.5`,
		`int:1 < 1.5`,
		`span.name > "m"`,
		`span.name = span.kind`,
		`span.kind in (client, server)`,
		`span.status in string:(ok, error)`,
		`span.kind ~ "erv"`,
		`span.traceID = "not-hex"`,
		`size > attr["other"]`,
		`size > "5s"`,
		`size in (1, x, true)`,
		`a > true`,
		`exists span.name`,
		`a = ""`,
		`a = double:NaN or a = double:"+Inf" or a = bool:1`,
		`span.duration in (1s, 2m) or span.duration > -1s`,
		`some event (some link (event.name = "x" and link.traceID = "y"))`,
		`some event (event.name = "x") and some event (event.name = "y")`,
		`some event (a = 1 and link.b = 2 and span.duration > 1s)`,
		`span.startTime < 2026-08-16T18:56:20+02:00`,
		`event.time = link.x`,
		`message phrase ("é e\u0301té 中文 42")`,
	} {
		if _, err := Parse(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func exists() *Call { return &Call{Op: OpExists, Args: []Term{&Attr{Key: "a"}}} }

// TestValidateBrokenTrees tries what JSON cannot say.
func TestValidateBrokenTrees(t *testing.T) {
	loop := &Call{Op: OpNot}
	loop.Args = []Term{loop}
	f := func(c *Call, class base.Class, want string) {
		t.Helper()
		err := c.Validate()
		if err == nil {
			t.Errorf("accepted, want %s", want)
			return
		}
		checkRefusal(t, err)
		if !strings.HasSuffix(err.Error(), want) || base.ClassOf(err) != class {
			t.Errorf("\n got %s: %s\nwant %s: %s", base.ClassOf(err), err, class, want)
		}
	}
	f(nil, base.ClassInvalid, `filter: found nothing, want a call`)
	f(&Call{Op: OpNot, Args: []Term{nil}}, base.ClassInvalid, `filter.args[0]: found nothing, want a predicate (call) for "not"`)
	for _, nothing := range []Term{(*Attr)(nil), (*Field)(nil), (*Nested)(nil), (*Scalar)(nil), (*List)(nil), (*Call)(nil)} {
		f(&Call{Op: OpEq, Args: []Term{&Attr{Key: "a"}, nothing}}, base.ClassInvalid,
			`filter.args[1]: found nothing, want a value (attr, field or scalar) for "eq"`)
	}
	f(&Call{Op: OpExists, Args: []Term{struct{ *Attr }{}}}, base.ClassInvalid,
		`filter.args[0]: found an unknown term, want a reference (attr or field) for "exists"`)
	f(loop, base.ClassTooLarge, `.args[0]: found calls nested more than 32 deep, which is the limit`)
	f(&Call{Op: OpEq, Args: []Term{&Attr{Key: "a\xff"}, &Scalar{}}}, base.ClassInvalid,
		`filter.args[0].attr.key: found "a\xff", want text in UTF-8`)
	f(&Call{Op: OpEq, Args: []Term{&Attr{Key: "a"}, &Scalar{Value: "\xff"}}}, base.ClassInvalid,
		`filter.args[1].scalar.value: found "\xff", want text in UTF-8`)
	f(&Call{Op: Op(strings.Repeat("é\n", 5000))}, base.ClassInvalid, Operators()[15])
}

// TestBounds tries each bound at its last good value and past it.
func TestBounds(t *testing.T) {
	f := func(name string, limit int, member string, build func(n int) *Call) {
		t.Helper()
		if err := build(limit).Validate(); err != nil {
			t.Errorf("%s %d: %v", name, limit, err)
		}
		err := build(limit + 1).Validate()
		if base.ClassOf(err) != base.ClassTooLarge || !strings.Contains(err.Error(), member) {
			t.Errorf("%s %d: %v", name, limit+1, err)
		}
	}
	f("depth", MaxDepth, "more than 32 deep", func(n int) *Call {
		c := exists()
		for range n - 1 {
			c = &Call{Op: OpNot, Args: []Term{c}}
		}
		return c
	})
	f("nodes", MaxNodes, "more than 1024 terms", func(n int) *Call {
		// One for the call, two for each predicate but three for the first.
		c := &Call{Op: OpAnd, Args: []Term{&Call{Op: OpEq, Args: []Term{&Attr{Key: "a"}, &Scalar{}}}}}
		for n -= 4; n > 0; n -= 2 {
			c.Args = append(c.Args, exists())
		}
		return c
	})
	f("values", MaxValues, "filter.args[1].list.values", func(n int) *Call {
		return &Call{Op: OpIn, Args: []Term{&Attr{Key: "a"}, &List{Values: make([]string, n)}}}
	})
	f("key", MaxString, "filter.args[0].attr.key", func(n int) *Call {
		return &Call{Op: OpExists, Args: []Term{&Attr{Key: strings.Repeat("a", n)}}}
	})
	f("value", MaxString, "filter.args[1].scalar.value", func(n int) *Call {
		return &Call{Op: OpEq, Args: []Term{&Attr{Key: "a"}, &Scalar{Value: strings.Repeat("a", n)}}}
	})
	f("element", MaxString, "filter.args[1].list.values[1]", func(n int) *Call {
		return &Call{Op: OpIn, Args: []Term{&Attr{Key: "a"}, &List{Values: []string{"b", strings.Repeat("a", n)}}}}
	})
}

func TestWords(t *testing.T) {
	f := func(s string, want bool) {
		t.Helper()
		if got := isWord(s); got != want {
			t.Errorf("isWord(%q) = %v", s, got)
		}
	}
	f("a", true)
	f("E\u0301cole", true)
	f("٣", true)
	f("中文", true)
	f(strings.Repeat("a", 255), true)
	f(strings.Repeat("a", 256), false)
	f(strings.Repeat("𝒜", 127), true) // a letter of two units
	f(strings.Repeat("𝒜", 128), false)
	f("", false)
	f("a b", false)
	f("a_b", false)
	f("½", false)
	f("\xff", false)
}

// TestVocabularyIsTheProtocols pins the names that requests may use.
func TestVocabularyIsTheProtocols(t *testing.T) {
	if got := strings.Join(Levels(), " "); got != "span resource scope event link" {
		t.Errorf("Levels() = %s", got)
	}
	if got := strings.Join(Operators(), " "); got != "and or not eq ne gt lt gte lte regex exists in not_in some phrase fulltext" {
		t.Errorf("Operators() = %s", got)
	}
	if got := strings.Join(SpanKinds(), " "); got != "unspecified internal server client producer consumer" {
		t.Errorf("SpanKinds() = %s", got)
	}
	if got := strings.Join(SpanStatuses(), " "); got != "unset ok error" {
		t.Errorf("SpanStatuses() = %s", got)
	}
	var names []string
	for _, f := range Fields() {
		names = append(names, string(f.Level)+"."+f.Name+":"+f.Kind.String())
		if got, ok := LookupField(f.Level, f.Name); !ok || got != f {
			t.Errorf("LookupField(%s, %s) = %v, %v", f.Level, f.Name, got, ok)
		}
	}
	want := "span.traceID:text span.spanID:text span.parentSpanID:text span.traceState:text span.name:text span.kind:span kind " +
		"span.startTime:timestamp span.endTime:timestamp span.duration:duration span.status:span status span.statusMessage:text " +
		"resource.service:text resource.schemaURL:text scope.name:text scope.version:text scope.schemaURL:text " +
		"event.name:text event.time:timestamp event.timeSinceStart:duration link.traceID:text link.spanID:text link.traceState:text"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("Fields() = %s", got)
	}
	if _, ok := LookupField(LevelAny, "duration"); ok {
		t.Error("LookupField knows a field without a level")
	}
	Levels()[0], Operators()[0], SpanKinds()[0], Fields()[0].Name = "x", "x", "x", "x"
	if Levels()[0] != "span" || Operators()[0] != "and" || SpanKinds()[0] != "unspecified" || Fields()[0].Name != "traceID" {
		t.Error("a caller can change the vocabulary")
	}
}
