package catalog

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/pandodb/pando/internal/base"
)

// The envelope of a stored value:
//
//	 0         1               5               9
//	+---------+---------------+---------------+----------------------
//	| version | payload bytes | CRC32C        | payload: JSON
//	| u8 = 1  | u32 LE        | u32 LE        |
//	+---------+---------------+---------------+----------------------
//
// The checksum covers, in this order: the key's length (u32 LE), the key, the
// version and length bytes, the payload. Mixing in the key catches a sound
// value under a wrong key, which no checksum of the value alone can see.
const (
	envelopeVersion = 1
	envelopeBytes   = 1 + 4 + 4
	// maxPayloadBytes bounds a value before it is parsed. etcd refuses requests
	// above 1.5 MiB, so nothing sound is larger.
	maxPayloadBytes = 2 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendValue appends v, encoded as the value of the key, to dst. Equal values
// under equal keys give equal bytes. An error means v has no JSON form or is
// above 2 MiB, of class too large.
func AppendValue(dst []byte, key string, v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false) // keeps a resource's spec as its owner wrote it
	if err := enc.Encode(v); err != nil {
		return dst, fmt.Errorf("encode %s: %w", key, err)
	}
	payload := bytes.TrimSuffix(buf.Bytes(), []byte{'\n'})
	if len(payload) > maxPayloadBytes {
		return dst, base.Errorf(base.ClassTooLarge, "value of %s has %d bytes, the limit is %d", key, len(payload), maxPayloadBytes)
	}
	start := len(dst)
	dst = append(dst, envelopeVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, valueChecksum(key, dst[start:], payload))
	return append(dst, payload...), nil
}

// DecodeValue parses data, the stored value of the key, into v, a pointer.
// Damage of any kind is a corruption error that names the key, and v is then
// unspecified. A sound value with a version or a field this release does not
// know is an error of class unavailable: a newer release wrote it, and reading
// past what is unknown would lose it on the next write. DecodeValue does not
// keep data.
func DecodeValue(key string, data []byte, v any) error {
	if len(data) < envelopeBytes {
		return base.Corruptionf(key, 0, "value has %d bytes, an envelope %d", len(data), envelopeBytes)
	}
	length := binary.LittleEndian.Uint32(data[1:])
	payload := data[envelopeBytes:]
	if uint64(length) != uint64(len(payload)) || len(payload) > maxPayloadBytes {
		return base.Corruptionf(key, 1, "envelope says %d payload bytes, value has %d", length, len(payload))
	}
	want := binary.LittleEndian.Uint32(data[5:])
	if got := valueChecksum(key, data[:5], payload); got != want {
		return base.Corruptionf(key, 5, "checksum is %08x, want %08x", got, want)
	}
	if data[0] != envelopeVersion {
		return base.Errorf(base.ClassUnavailable, "%s: value has version %d, this release reads %d: a newer release wrote it",
			key, data[0], envelopeVersion)
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return base.Errorf(base.ClassUnavailable, "%s: value of another release: %w", key, err)
	}
	if dec.InputOffset() != int64(len(payload)) {
		return base.Corruptionf(key, envelopeBytes+dec.InputOffset(), "bytes behind the JSON document")
	}
	return nil
}

// valueChecksum is the CRC32C of the key, the first five bytes of the header
// and the payload.
func valueChecksum(key string, header, payload []byte) uint32 {
	prefixed := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(key)), uint32(len(key)))
	prefixed = append(prefixed, key...)
	crc := crc32.Update(0, castagnoli, prefixed)
	crc = crc32.Update(crc, castagnoli, header)
	return crc32.Update(crc, castagnoli, payload)
}
