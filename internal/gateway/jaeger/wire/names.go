package wire

// Names of the tags by which Jaeger shows fields of a span, and of attributes
// that it shows as something else than a tag.
const (
	TagScopeName     = "otel.scope.name"
	TagScopeVersion  = "otel.scope.version"
	TagSpanKind      = "span.kind"
	TagStatusCode    = "otel.status_code"
	TagStatusMessage = "otel.status_description"
	TagError         = "error"
	TagTraceState    = "w3c.tracestate"
	TagEvent         = "event" // a field of a log

	AttrService  = "service.name"
	AttrWarnings = "@jaeger@warnings"     // a list of texts
	AttrRefType  = "opentracing.ref_type" // of a link: child_of or follows_from

	StatusOK    = "OK"
	StatusError = "ERROR"

	// NoService is what Jaeger calls the sender of spans without service.name.
	NoService = "missing-service-name"
)

const (
	refChildOf     = "child_of"
	refFollowsFrom = "follows_from"

	codeOK = 1 // OpenTelemetry's status code; trace.StatusError is the other
)
