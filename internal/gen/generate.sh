#!/bin/sh
# Regenerates the protobuf code under internal/gen from internal/gen/proto.
# Needs protoc (3.21 or newer) on the path. The plugins' versions are pinned
# here and by go.mod; the output carries protoc's own version.
set -eu

cd "$(dirname "$0")"
module=github.com/pandodb/pando/internal/gen
grpc_plugin=google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT

go build -o "$bin/protoc-gen-go" google.golang.org/protobuf/cmd/protoc-gen-go
GOBIN="$bin" go install "$grpc_plugin"
go run otlpset.go >"$bin/otlp.pb"

# OTLP's generated code is the library's: its own go_package options say so.
PATH="$bin:$PATH" protoc \
	--descriptor_set_in="$bin/otlp.pb" \
	-I proto -I "${PROTOC_INCLUDE:-/usr/include}" \
	--go_out=. --go_opt=module="$module" \
	--go-grpc_out=. --go-grpc_opt=module="$module" \
	$(cd proto && find . -name '*.proto' | sed 's|^\./||' | LC_ALL=C sort)
