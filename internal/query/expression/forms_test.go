package expression

import (
	"reflect"
	"testing"
)

// forms are filters in both forms; canonical is what String makes of the text,
// the text itself when empty.
var forms = []struct{ text, json, canonical string }{
	{
		text: `resource.service = "cart"`,
		json: `{"op":"eq","args":[{"field":{"name":"service","level":"resource"}},{"scalar":{"value":"cart"}}]}`,
	},
	{
		text:      `service = cart`,
		json:      `{"op":"eq","args":[{"field":{"name":"service","level":"resource"}},{"scalar":{"value":"cart"}}]}`,
		canonical: `resource.service = "cart"`,
	},
	{
		text: `http.status_code = 500`,
		json: `{"op":"eq","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500"}}]}`,
	},
	{
		text:      `http.status_code == "500"`,
		json:      `{"op":"eq","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500"}}]}`,
		canonical: `http.status_code = 500`,
	},
	{
		text:      `duration > 2s AND http.status_code IN (500, 503)`,
		json:      `{"op":"and","args":[{"call":{"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"2s"}}]}},{"call":{"op":"in","args":[{"attr":{"key":"http.status_code"}},{"list":{"values":["500","503"]}}]}}]}`,
		canonical: `span.duration > 2s and http.status_code in (500, 503)`,
	},
	{
		text: `span.enduser.id != resource.enduser.id`,
		json: `{"op":"ne","args":[{"attr":{"key":"enduser.id","level":"span"}},{"attr":{"key":"enduser.id","level":"resource"}}]}`,
	},
	{
		text: `some event (event.name = "exception" and event.timeSinceStart > 50us)`,
		json: `{"op":"some","args":[{"nested":{"level":"event"}},{"call":{"op":"and","args":[{"call":{"op":"eq","args":[{"field":{"name":"name","level":"event"}},{"scalar":{"value":"exception"}}]}},{"call":{"op":"gt","args":[{"field":{"name":"timeSinceStart","level":"event"}},{"scalar":{"value":"50us"}}]}}]}}]}`,
	},
	{
		text:      `resource.service = "cart" and span.duration > 2s and not (span.status = error or http.status_code in (500, 503))`,
		json:      `{"op":"and","args":[{"call":{"op":"eq","args":[{"field":{"name":"service","level":"resource"}},{"scalar":{"value":"cart"}}]}},{"call":{"op":"gt","args":[{"field":{"name":"duration","level":"span"}},{"scalar":{"value":"2s"}}]}},{"call":{"op":"not","args":[{"call":{"op":"or","args":[{"call":{"op":"eq","args":[{"field":{"name":"status","level":"span"}},{"scalar":{"value":"error"}}]}},{"call":{"op":"in","args":[{"attr":{"key":"http.status_code"}},{"list":{"values":["500","503"]}}]}}]}}]}}]}`,
		canonical: `resource.service = "cart" and span.duration > 2s and not (span.status = "error" or http.status_code in (500, 503))`,
	},
	{
		text: `exists http.route`,
		json: `{"op":"exists","args":[{"attr":{"key":"http.route"}}]}`,
	},
	{
		text: `message phrase ("connection refused")`,
		json: `{"op":"phrase","args":[{"attr":{"key":"message"}},{"list":{"values":["connection","refused"]}}]}`,
	},
	{
		text:      `event.exception.message fulltext string:(timeout, "read  failed")`,
		json:      `{"op":"fulltext","args":[{"attr":{"key":"exception.message","level":"event"}},{"list":{"values":["timeout","read","failed"],"type":"string"}}]}`,
		canonical: `event.exception.message fulltext string:("timeout read failed")`,
	},
	{
		text: `http.status_code >= int:500`,
		json: `{"op":"gte","args":[{"attr":{"key":"http.status_code"}},{"scalar":{"value":"500","type":"int"}}]}`,
	},
	{
		text: `cache.hit = bool:true or ratio <= double:0.5 or code = string:"7"`,
		json: `{"op":"or","args":[{"call":{"op":"eq","args":[{"attr":{"key":"cache.hit"}},{"scalar":{"value":"true","type":"bool"}}]}},{"call":{"op":"lte","args":[{"attr":{"key":"ratio"}},{"scalar":{"value":"0.5","type":"double"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"code"}},{"scalar":{"value":"7","type":"string"}}]}}]}`,
	},
	{
		text: `http.status_code not in int:(200, 204)`,
		json: `{"op":"not_in","args":[{"attr":{"key":"http.status_code"}},{"list":{"values":["200","204"],"type":"int"}}]}`,
	},
	{
		text:      "span.name ~ `/api/v\\d+/.*`",
		json:      `{"op":"regex","args":[{"field":{"name":"name","level":"span"}},{"scalar":{"value":"/api/v\\d+/.*"}}]}`,
		canonical: `span.name ~ "/api/v\\d+/.*"`,
	},
	{
		text: `span["duration"] = 5 and resource["service"] = "x" and attr["span.kind"] = "server" and attr["a key"] = 1`,
		json: `{"op":"and","args":[{"call":{"op":"eq","args":[{"attr":{"key":"duration","level":"span"}},{"scalar":{"value":"5"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"service","level":"resource"}},{"scalar":{"value":"x"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"span.kind"}},{"scalar":{"value":"server"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"a key"}},{"scalar":{"value":"1"}}]}}]}`,
	},
	{
		text: `span.startTime >= 2026-08-16T18:56:20.5Z and span.startTime < span.endTime`,
		json: `{"op":"and","args":[{"call":{"op":"gte","args":[{"field":{"name":"startTime","level":"span"}},{"scalar":{"value":"2026-08-16T18:56:20.5Z"}}]}},{"call":{"op":"lt","args":[{"field":{"name":"startTime","level":"span"}},{"field":{"name":"endTime","level":"span"}}]}}]}`,
	},
	{
		text: `queue.after > attr["queue.before"]`,
		json: `{"op":"gt","args":[{"attr":{"key":"queue.after"}},{"attr":{"key":"queue.before"}}]}`,
	},
	{
		text: `(a = 1 and b = 2) and (c = 3 or d = 4)`,
		json: `{"op":"and","args":[{"call":{"op":"and","args":[{"call":{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"1"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"b"}},{"scalar":{"value":"2"}}]}}]}},{"call":{"op":"or","args":[{"call":{"op":"eq","args":[{"attr":{"key":"c"}},{"scalar":{"value":"3"}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"d"}},{"scalar":{"value":"4"}}]}}]}}]}`,
	},
	{
		text: `not not a = 1 and b = 2 or c = 3`,
		json: `{"op":"or","args":[{"call":{"op":"and","args":[{"call":{"op":"not","args":[{"call":{"op":"not","args":[{"call":{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"1"}}]}}]}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"b"}},{"scalar":{"value":"2"}}]}}]}},{"call":{"op":"eq","args":[{"attr":{"key":"c"}},{"scalar":{"value":"3"}}]}}]}`,
	},
	{
		text: `a = "<&>\n\"é\""`,
		json: `{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"<&>\n\"é\""}}]}`,
	},
}

func TestFormsOfFilters(t *testing.T) {
	for _, form := range forms {
		parsed, err := Parse(form.text)
		if err != nil {
			t.Errorf("Parse(%s): %v", form.text, err)
			continue
		}
		if got := string(parsed.AppendJSON([]byte("x"))); got != "x"+form.json {
			t.Errorf("AppendJSON(%s)\n got %s\nwant %s", form.text, got[1:], form.json)
		}
		canonical := form.canonical
		if canonical == "" {
			canonical = form.text
		}
		if got := parsed.String(); got != canonical {
			t.Errorf("String\n got %s\nwant %s", got, canonical)
		}
		decoded, err := ParseJSON([]byte(form.json))
		if err != nil {
			t.Errorf("ParseJSON(%s): %v", form.json, err)
			continue
		}
		if !reflect.DeepEqual(decoded, parsed) {
			t.Errorf("ParseJSON(%s) = %s, want %s", form.json, decoded, parsed)
		}
	}
}

// TestParseJSONReadsProto3 reads what proto3 JSON allows and AppendJSON does
// not write.
func TestParseJSONReadsProto3(t *testing.T) {
	f := func(data, want string) {
		t.Helper()
		c, err := ParseJSON([]byte(data))
		if err != nil {
			t.Errorf("ParseJSON(%s): %v", data, err)
			return
		}
		if got := string(c.AppendJSON(nil)); got != want {
			t.Errorf("ParseJSON(%s) = %s, want %s", data, got, want)
		}
	}
	f(` { "args" : [ {"attr":{"level":"","key":"a"}}, {"scalar":{"type":null,"value":"\ud83d\ude00\u00e9\\ud800"}} ] , "op":"eq" } `,
		`{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":"😀é\\ud800"}}]}`)
	f(`{"op":"eq","args":[{"attr":{"key":"a"},"call":null},{"scalar":{}}]}`,
		`{"op":"eq","args":[{"attr":{"key":"a"}},{"scalar":{"value":""}}]}`)
	f(`{}`, `{"op":"","args":[]}`)
	f(`{"op":"made_up","args":null}`, `{"op":"made_up","args":[]}`)
}
