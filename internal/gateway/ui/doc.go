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
//	GET /api/v1/vocabulary
//	    the words of filters: {"levels","fields":[{"level","name","kind"}],
//	     "kinds","statuses"}
//	GET /api/v1/attributes?service&prefix&lookback|start&end
//	    the attributes of the newest spans: {"spanCount","truncated",
//	     "attributes":[{"key","level","types","spanCount","values"}]}
//	GET /api/v1/servicegraph?lookback|start&end
//	    {"startUnixNano","endUnixNano","orphanCount",
//	     "services":[{"name","spanCount",…}],
//	     "calls":[{"parent","child","messageCount",…}]}, with "callCount",
//	     "errorCount","p50Nanos","p95Nanos","p99Nanos" of each: of its server and
//	     consumer spans, and of the spans below another service's. The times are
//	     of whole minutes, widened from those asked for.
//	GET /api/v1/traces/search?CONDITIONS&order=newest|slowest&limit&token
//	    {"startUnixNano","endUnixNano","limit","nextToken","traces":[{
//	     "traceId","rootService","rootOperation","startUnixNano",
//	     "durationNanos","spanCount","errorCount","orphanCount",
//	     "services":[{"name","spanCount","errorCount"}]}]}
//	GET /api/v1/traces/histogram?CONDITIONS
//	    {"startUnixNano","endUnixNano","counted",
//	     "buckets":[{"traces","failed","estimated"}]}
//	    Of many traces the buckets are sampled. Few histograms are counted at a
//	    time; one that did not get its turn is refused as E_OVERLOAD.
//	GET /api/v1/spans/search?CONDITIONS&sort=start|duration
//	        &direction=descending|ascending&limit&token
//	    {"startUnixNano","endUnixNano","limit","nextToken","spans":[{
//	     "traceId","spanId","service","name","kind","startUnixNano",
//	     "durationNanos","statusCode","statusMessage"}]}
//	GET /api/v1/traces/facets?id=…&id=…
//	    {"traceCount","facets":[{"key","values":[{"value","traceCount"}]}]}
//	GET /api/v1/traces/{id}
//	    a trace as columns, see below
//	GET /api/v1/traces/{id}/export.html
//	    the trace as one file that draws itself offline, see export.go
//	GET /api/v1/traces/{id}/spans/{spanId}
//	    {"spans":[{"spanId","parentSpanId","name","kind","service",
//	     "startUnixNano","durationNanos","statusCode","statusMessage",
//	     "traceState","flags","attributes":[{"key","type","value"}],
//	     "events":[…],"links":[…],"resource":{…},"scope":{…},
//	     "droppedAttributes","droppedEvents","droppedLinks"}]}
//
// CONDITIONS are service, operation, kind, tags, filter, errors, minDuration,
// maxDuration and lookback or start and end; all must hold on one span. tags are
// logfmt words, key=value or "a key"="two words"; filter is the language of
// docs/api/filters.md. lookback counts back from the server's clock; start and
// end are RFC 3339 or Unix nanoseconds. Durations are Go's: 250ms, 1.5s.
//
// A nextToken asks for the page after an answer: with the start and the end of
// that answer, and all other parameters but the limit as they were.
//
// Errors are {"error":{"code","message","hint","place"}}: what failed and why, a
// code word to search for, and what to do. The place, {"line","column"}, is that
// of a mistake in the filter.
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
