// Package jaegerpb is the generated code of Jaeger's query API, version 3
// (proto package jaeger.api_v3). Regenerate it with internal/gen/generate.sh.
package jaegerpb
