// Package expressionpb is the generated code of the filters in Jaeger's
// interfaces (proto package jaeger.expression.v1). Regenerate it with
// internal/gen/generate.sh; internal/gateway/jaeger/wire turns its messages into
// expressions and back.
package expressionpb
