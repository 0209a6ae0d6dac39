// Package ui serves the web page and the JSON it draws.
//
// # Static files
//
// The page is built from web/ into dist/, which is committed and embedded, so
// that `go install` needs no Node. New reads every file once, hashes it for the
// ETag and prepares its gzip form; serving is then a map look-up. Names under
// assets/ carry a content hash and are immutable; everything else is revalidated.
// A path that names no file answers the index for navigations only.
//
// # JSON API
//
// Field names are API. Times are decimal strings of Unix nanoseconds, because
// they exceed what a JSON number holds exactly; durations and offsets are
// numbers of nanoseconds. Ids are lowercase hex; requests may leave out leading
// zeros.
//
//	GET /api/v1/status
//	    {"version","goVersion","startedUnixNano","state":"waiting"|"ready",
//	     "serviceCount","endpoints":[{"name","protocol","address"}]}
//	GET /api/v1/services
//	    {"services":["cart",…]}
//	GET /api/v1/services/{service}/operations
//	    {"operations":[{"name","kind"}]}
//	GET /api/v1/traces/search?service&operation&kind&tags&errors&minDuration
//	        &maxDuration&lookback|start&end&order=newest|slowest&limit
//	    {"startUnixNano","endUnixNano","limit","traces":[{"traceId",
//	     "rootService","rootOperation","startUnixNano","durationNanos",
//	     "spanCount","errorCount","orphanCount",
//	     "services":[{"name","spanCount","errorCount"}]}]}
//	GET /api/v1/traces/facets?id=…&id=…
//	    {"traceCount","facets":[{"key","values":[{"value","traceCount"}]}]}
//	GET /api/v1/traces/{id}
//	    a trace as columns, see below
//	GET /api/v1/traces/{id}/spans/{spanId}
//	    {"spans":[{"spanId","parentSpanId","name","kind","service",
//	     "startUnixNano","durationNanos","statusCode","statusMessage",
//	     "traceState","flags","attributes":[{"key","type","value"}],
//	     "events":[…],"links":[…],"resource":{…},"scope":{…},
//	     "droppedAttributes","droppedEvents","droppedLinks"}]}
//
// tags are logfmt words, key=value or "a key"="two words"; all must hold on one
// span. lookback counts back from the server's clock; start and end are RFC 3339
// or Unix nanoseconds. Durations are Go's: 250ms, 1.5s.
//
// Errors are {"error":{"code","message","hint"}}: what failed and why, a code
// word to search for, and what to do.
//
// # A trace as columns
//
// The page draws 100,000 spans in under a second because it never holds an
// object per span. The server orders the spans as a tree, parents before their
// children, and sends one array per column; row r of every array is one span.
//
//	{"traceId","startUnixNano","durationNanos","spanCount",
//	 "notes":{"orphans","duplicates","cycles","skewed","truncated"},
//	 "services":["cart",…], "names":["GET /",…],
//	 "spanIds":"00f067aa0ba902b7…",   16 hex digits per row, no separator
//	 "start":[…],     nanoseconds after startUnixNano
//	 "duration":[…],  nanoseconds
//	 "depth":[…],     0 for a root; a row's subtree is the deeper rows after it
//	 "parent":[…],    row of the parent, -1 for none
//	 "service":[…],   index into services
//	 "name":[…],      index into names
//	 "kind":[…],      OpenTelemetry's span kind
//	 "flags":[…]}     1 error, 2 orphan, 4 cycle broken here, 8 starts before
//	                  its parent, 16 shares its span id with another row
//
// Damaged traces are drawn, not refused: see tree.go for the rules.
//
// Start reading at handler.go (routes), then tree.go and columns.go.
package ui
