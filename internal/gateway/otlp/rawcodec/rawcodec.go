// Package rawcodec is a gRPC codec that hands some messages over as the bytes
// they came in, and all others to gRPC's protobuf codec.
//
// A server installs it once for all its services:
//
//	grpc.NewServer(grpc.ForceServerCodecV2(rawcodec.Codec{}))
//
// A handler that receives into a *Message then gets bytes; a handler that
// receives into a generated message notices nothing.
package rawcodec

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Message is an encoded protobuf message. The zero Message is empty.
type Message struct {
	buf mem.Buffer // nil when empty
}

// NewMessage returns a message to send. It keeps b.
func NewMessage(b []byte) *Message { return &Message{buf: mem.SliceBuffer(b)} }

// Bytes returns the encoding. It is valid until Free.
func (m *Message) Bytes() []byte {
	if m.buf == nil {
		return nil
	}
	return m.buf.ReadOnlyData()
}

// Free returns the memory of a received message to gRPC. It may be called more
// than once.
func (m *Message) Free() {
	if m.buf != nil {
		m.buf.Free()
		m.buf = nil
	}
}

// Codec implements encoding.CodecV2. It is safe for concurrent use.
type Codec struct{}

var _ encoding.CodecV2 = Codec{}

// Name returns the name of the protobuf codec, which this one replaces on the
// wire.
func (Codec) Name() string { return proto.Name }

// Marshal encodes a *Message or a protobuf message.
func (Codec) Marshal(v any) (mem.BufferSlice, error) {
	if m, ok := v.(*Message); ok {
		return mem.BufferSlice{mem.SliceBuffer(m.Bytes())}, nil
	}
	return encoding.GetCodecV2(proto.Name).Marshal(v)
}

// Unmarshal fills a *Message or decodes a protobuf message. A *Message is not
// checked in any way.
func (Codec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(*Message)
	if !ok {
		return encoding.GetCodecV2(proto.Name).Unmarshal(data, v)
	}
	m.Free()
	m.buf = data.MaterializeToBuffer(mem.DefaultBufferPool())
	return nil
}
