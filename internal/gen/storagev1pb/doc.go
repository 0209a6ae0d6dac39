// Package storagev1pb is the generated code of Jaeger's remote storage API,
// version 1 (proto package jaeger.storage.v1). Regenerate it with
// internal/gen/generate.sh.
package storagev1pb
