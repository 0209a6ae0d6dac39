// Package apiv2pb is the generated code of Jaeger's data model, query API,
// collector and sampling manager, version 2 (proto package jaeger.api_v2).
// Regenerate it with internal/gen/generate.sh. Package
// internal/gateway/jaeger/wire turns its spans into ours and back.
package apiv2pb
