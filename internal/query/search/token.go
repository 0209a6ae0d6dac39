package search

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/cespare/xxhash/v2"

	"github.com/pandodb/pando/internal/base"
)

// Page tokens say where a page ended. They hold all there is to know, so that any
// server answers the next page and none remembers anything:
//
//	version:1 kind:1 query:8 length:1 cursor:length checksum:4
//
// in unpadded base64url. version is tokenVersion; kind says what the pages hold;
// query is the hash of everything the query says but token and page size;
// checksum is the CRC-32C of all bytes before it. Numbers are big-endian.
const tokenVersion = 1

// tokenKind says what a token continues.
type tokenKind byte

const (
	tokenTraces tokenKind = 1 // cursor: value:8 trace id:16
	tokenSpans  tokenKind = 2 // cursor: see spanCursor
)

var tokenKindNames = [...]string{tokenTraces: "traces", tokenSpans: "spans"}

const (
	tokenHeader   = 1 + 1 + 8 + 1
	tokenChecksum = 4
	// maxToken bounds the text that is looked at.
	maxToken = (tokenHeader + 255 + tokenChecksum) * 4 / 3
)

var (
	tokenText  = base64.RawURLEncoding.Strict()
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// newToken returns the token of a cursor of at most 255 bytes.
func newToken(kind tokenKind, query uint64, cursor []byte) string {
	b := make([]byte, 0, tokenHeader+len(cursor)+tokenChecksum)
	b = append(b, tokenVersion, byte(kind))
	b = binary.BigEndian.AppendUint64(b, query)
	b = append(b, byte(len(cursor)))
	b = append(b, cursor...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return tokenText.EncodeToString(b)
}

// parseToken returns the cursor of a token of that kind and query. Any other
// text is an error of class base.ClassInvalid that says what is wrong with it.
func parseToken(text string, kind tokenKind, query uint64) (cursor []byte, err error) {
	if len(text) > maxToken {
		return nil, badToken("%d characters, no token has more than %d", len(text), maxToken)
	}
	if strings.ContainsAny(text, "\r\n") { // which the decoder skips
		return nil, badToken("not unpadded base64url: found the end of a line")
	}
	b, err := tokenText.DecodeString(text)
	if err != nil {
		return nil, badToken("not unpadded base64url: %w", err)
	}
	if len(b) == 0 || b[0] != tokenVersion {
		return nil, badToken("not a token of version %d", tokenVersion)
	}
	if len(b) < tokenHeader {
		return nil, badToken("cut short after %d bytes of its header of %d", len(b), tokenHeader)
	}
	size := tokenHeader + int(b[tokenHeader-1]) + tokenChecksum
	if len(b) < size {
		return nil, badToken("cut short: %d bytes of %d", len(b), size)
	}
	if len(b) > size {
		return nil, badToken("%d bytes after its end", len(b)-size)
	}
	body := b[:size-tokenChecksum]
	if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(b[size-tokenChecksum:]) {
		return nil, badToken("damaged: its checksum is wrong")
	}
	if got := tokenKind(b[1]); got != kind {
		if int(got) < len(tokenKindNames) && tokenKindNames[got] != "" {
			return nil, badToken("it continues pages of %s, not of %s", tokenKindNames[got], tokenKindNames[kind])
		}
		return nil, badToken("it continues pages of an unknown kind %d", got)
	}
	if binary.BigEndian.Uint64(b[2:]) != query {
		return nil, badToken("it belongs to another query: everything but the page size must stay the same from page to page")
	}
	return body[tokenHeader:], nil
}

func badToken(format string, args ...any) error {
	return base.Errorf(base.ClassInvalid, "page token: "+format, args...)
}

// fingerprint is the hash that binds tokens to a query. Every text is written
// with its length, so that no two queries write the same bytes.
type fingerprint struct{ b []byte }

func (f *fingerprint) num(v ...int64) {
	for _, n := range v {
		f.b = binary.BigEndian.AppendUint64(f.b, uint64(n))
	}
}

func (f *fingerprint) flag(v bool) {
	if v {
		f.b = append(f.b, 1)
		return
	}
	f.b = append(f.b, 0)
}

func (f *fingerprint) text(s string) {
	f.num(int64(len(s)))
	f.b = append(f.b, s...)
}

func (f *fingerprint) sum() uint64 { return xxhash.Sum64(f.b) }
