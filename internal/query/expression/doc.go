// Package expression is the language of span filters: its tree, its rules, its
// JSON form and its text form. The language is that of Jaeger's RFC 0005 and of
// the messages of jaeger.expression.v1 (jaeger-idl 0.14); docs/api/filters.md
// says what each operator means. The package knows neither how spans are stored
// nor how filters travel: gateways build the tree, search lowers it to tests of
// columns.
//
// A filter is a Call, and its operands are terms:
//
//	span.duration > 2s and http.status_code in (500, 503)
//
//	                    Call and
//	            ┌──────────┴───────────┐
//	         Call gt                Call in
//	      ┌─────┴──────┐         ┌─────┴──────┐
//	    Field       Scalar     Attr         List
//	 span duration   "2s"   http.status…  "500","503"
//
//	{"op":"and","args":[
//	  {"call":{"op":"gt","args":[
//	    {"field":{"name":"duration","level":"span"}},
//	    {"scalar":{"value":"2s"}}]}},
//	  {"call":{"op":"in","args":[
//	    {"attr":{"key":"http.status_code"}},
//	    {"list":{"values":["500","503"]}}]}}]}
//
// Constants stay text in the tree. What they are read as is a matter of three
// places, in this order: the type that the constant declares, the kind of the
// field it is compared with, the type in which an attribute happens to be
// stored. Validate makes sure that the first two can be read, so that after it
// the readers of Scalar (Duration, Int, …) do not fail where they apply.
//
// The way of a filter:
//
//	text ─ Parse ─────┐
//	JSON ─ ParseJSON ─┼─► *Call ─ Validate ─ Normalize ─► search
//	wire ─ gateways ──┘
//
// Only Parse validates by itself, because it can tell the line and the column.
// A filter is read-only once it is built; all methods are safe for concurrent
// use. Walks are recursive; Validate bounds their depth, and everything but it
// and String asks for a valid filter.
//
// Start reading at ast.go and field.go, then validate.go and meaning.go for the
// rules; json.go and parse.go are the two forms.
package expression
