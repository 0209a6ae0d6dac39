// Package storagev2pb is the generated code of Jaeger's remote store, version 2
// (proto package jaeger.storage.v2). Regenerate it with
// internal/gen/generate.sh.
package storagev2pb
