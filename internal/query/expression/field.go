package expression

import "slices"

// Kind is the sort of value a field holds, and so how a constant compared with
// it is read.
type Kind uint8

// The kinds.
const (
	// KindText: compared as text, ordered by its bytes.
	KindText Kind = iota + 1
	// KindDuration: written as in Go, "1h30m", "2s", "50us"; ordered.
	KindDuration
	// KindTimestamp: RFC 3339 with up to nine digits of a second; ordered.
	KindTimestamp
	// KindSpanKind: one of SpanKinds; text without an order.
	KindSpanKind
	// KindSpanStatus: one of SpanStatuses; text without an order.
	KindSpanStatus
)

var kindNames = [...]string{"", "text", "duration", "timestamp", "span kind", "span status"}

// String returns the kind's name as messages and documents write it.
func (k Kind) String() string {
	if int(k) >= len(kindNames) {
		return ""
	}
	return kindNames[k]
}

// FieldInfo describes a built-in field.
type FieldInfo struct {
	Level Level
	Name  string
	Kind  Kind
}

var fields = []FieldInfo{
	{LevelSpan, "traceID", KindText},
	{LevelSpan, "spanID", KindText},
	{LevelSpan, "parentSpanID", KindText},
	{LevelSpan, "traceState", KindText},
	{LevelSpan, "name", KindText},
	{LevelSpan, "kind", KindSpanKind},
	{LevelSpan, "startTime", KindTimestamp},
	{LevelSpan, "endTime", KindTimestamp},
	{LevelSpan, "duration", KindDuration},
	{LevelSpan, "status", KindSpanStatus},
	{LevelSpan, "statusMessage", KindText},
	{LevelResource, "service", KindText},
	{LevelResource, "schemaURL", KindText},
	{LevelScope, "name", KindText},
	{LevelScope, "version", KindText},
	{LevelScope, "schemaURL", KindText},
	{LevelEvent, "name", KindText},
	{LevelEvent, "time", KindTimestamp},
	{LevelEvent, "timeSinceStart", KindDuration},
	{LevelLink, "traceID", KindText},
	{LevelLink, "spanID", KindText},
	{LevelLink, "traceState", KindText},
}

var (
	levels       = []string{"span", "resource", "scope", "event", "link"}
	nestedLevels = []string{"event", "link"}
	types        = []string{"string", "int", "double", "bool"}
	spanKinds    = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	spanStatuses = []string{"unset", "ok", "error"}
)

// Fields returns every built-in field, by level. The slice is the caller's.
func Fields() []FieldInfo { return slices.Clone(fields) }

// Levels returns the five levels. The slice is the caller's.
func Levels() []string { return slices.Clone(levels) }

// SpanKinds returns the words that span.kind holds, in OpenTelemetry's order
// of numbers from 0. The slice is the caller's.
func SpanKinds() []string { return slices.Clone(spanKinds) }

// SpanStatuses returns the words that span.status holds, in OpenTelemetry's
// order of numbers from 0. The slice is the caller's.
func SpanStatuses() []string { return slices.Clone(spanStatuses) }

// fieldNames returns the names of the fields of one level.
func fieldNames(level Level) []string {
	var names []string
	for _, f := range fields {
		if f.Level == level {
			names = append(names, f.Name)
		}
	}
	return names
}

// LookupField returns the built-in field of that name at the level, and
// whether there is one. Names are compared exactly.
func LookupField(level Level, name string) (FieldInfo, bool) {
	for _, f := range fields {
		if f.Level == level && f.Name == name {
			return f, true
		}
	}
	return FieldInfo{}, false
}
