package corpus

import (
	"encoding/binary"
	"math"
	"strconv"
)

// key numbers the attribute keys of the trace corpus.
type key uint8

const (
	keyRPCSystem key = iota
	keyRPCService
	keyRPCMethod
	keyRPCStatus
	keyHTTPMethod
	keyHTTPRoute
	keyHTTPStatus
	keyURLPath
	keyServerAddress
	keyServerPort
	keyClientAddress
	keyUserAgent
	keyProtocolVersion
	keyNetworkType
	keyTransport
	keyDBPool
	keyTenant
	keyUserID
	keyRequestID
	keyFeatureFlag
	keyOrderID
	keyRetry
	keyCacheHit
	keyQueueWait
	keyDBSystem
	keyDBNamespace
	keyDBOperation
	keyDBCollection
	keyDBQuery
	keyDBRows
	keyFunction
	keyLine
	keyThread
	keyErrorType
	keyExceptionType
	keyExceptionMessage
	keyExceptionStack
	keyCacheKey
	keyAttempt
	keyDelay
	keyDestination
	keyMessageSize
	keyLinkReason
	keyCount
)

// form tells how a draft's 64-bit number becomes a value.
type form uint8

const (
	formTable  form = iota // index into the catalogue's values of the key
	formInt                // the number itself
	formDouble             // the number / 1,000
	formBool               // zero or not
	formText               // catalogue.appendText of the number
)

// keys gives each key its name and form.
var keys = [keyCount]struct {
	name string
	form form
}{
	keyRPCSystem:        {"rpc.system", formTable},
	keyRPCService:       {"rpc.service", formTable},
	keyRPCMethod:        {"rpc.method", formTable},
	keyRPCStatus:        {"rpc.grpc.status_code", formInt},
	keyHTTPMethod:       {"http.request.method", formTable},
	keyHTTPRoute:        {"http.route", formTable},
	keyHTTPStatus:       {"http.response.status_code", formInt},
	keyURLPath:          {"url.path", formText},
	keyServerAddress:    {"server.address", formTable},
	keyServerPort:       {"server.port", formInt},
	keyClientAddress:    {"client.address", formText},
	keyUserAgent:        {"user_agent.original", formTable},
	keyProtocolVersion:  {"network.protocol.version", formTable},
	keyNetworkType:      {"network.type", formTable},
	keyTransport:        {"network.transport", formTable},
	keyDBPool:           {"db.client.connection.pool.name", formTable},
	keyTenant:           {"app.tenant", formTable},
	keyUserID:           {"app.user.id", formText},
	keyRequestID:        {"app.request.id", formText},
	keyFeatureFlag:      {"app.feature_flag", formTable},
	keyOrderID:          {"app.order.id", formText},
	keyRetry:            {"app.retry", formBool},
	keyCacheHit:         {"app.cache.hit", formBool},
	keyQueueWait:        {"app.queue.wait_ms", formDouble},
	keyDBSystem:         {"db.system.name", formTable},
	keyDBNamespace:      {"db.namespace", formTable},
	keyDBOperation:      {"db.operation.name", formTable},
	keyDBCollection:     {"db.collection.name", formTable},
	keyDBQuery:          {"db.query.text", formTable},
	keyDBRows:           {"db.response.returned_rows", formInt},
	keyFunction:         {"code.function.name", formTable},
	keyLine:             {"code.line.number", formInt},
	keyThread:           {"thread.id", formInt},
	keyErrorType:        {"error.type", formTable},
	keyExceptionType:    {"exception.type", formTable},
	keyExceptionMessage: {"exception.message", formText},
	keyExceptionStack:   {"exception.stacktrace", formTable},
	keyCacheKey:         {"cache.key", formText},
	keyAttempt:          {"retry.attempt", formInt},
	keyDelay:            {"retry.delay_ms", formDouble},
	keyDestination:      {"messaging.destination.name", formTable},
	keyMessageSize:      {"messaging.message.body.size", formInt},
	keyLinkReason:       {"link.reason", formTable},
}

// attr is one attribute of a draft: sixteen bytes, whatever the value's type.
type attr struct {
	key key
	num uint64
}

// table holds the values of one formTable key, and for every key the bytes
// that precede or make up its KeyValue message.
type table struct {
	values  []string
	encoded [][]byte // KeyValue with its length, per value
	prefix  []byte   // field 1 of KeyValue: the key
	ids     map[string]int
}

// id returns the value's index, adding it if it is new.
func (t *table) id(value string) uint64 {
	if id, ok := t.ids[value]; ok {
		return uint64(id)
	}
	id := len(t.values)
	t.ids[value] = id
	t.values = append(t.values, value)
	kv := append([]byte(nil), t.prefix...)
	wrapped := append(binary.AppendUvarint([]byte{0x0a}, uint64(len(value))), value...)
	kv = binary.AppendUvarint(append(kv, 0x12), uint64(len(wrapped)))
	kv = append(kv, wrapped...)
	t.encoded = append(t.encoded, append(binary.AppendUvarint(nil, uint64(len(kv))), kv...))
	return uint64(id)
}

// value decodes an attribute.
func (c *catalogue) value(a attr) Attr {
	k := keys[a.key]
	switch k.form {
	case formInt:
		return Attr{k.name, Int(int64(a.num))}
	case formDouble:
		return Attr{k.name, Double(float64(a.num) / 1000)}
	case formBool:
		return Attr{k.name, Bool(a.num != 0)}
	case formText:
		return Attr{k.name, String(string(c.appendText(nil, a)))}
	default:
		return Attr{k.name, String(c.tables[a.key].values[a.num])}
	}
}

// appendAttr appends an attribute as the repeated field with the given
// one-byte tag. Texts are short enough for one-byte lengths.
func (c *catalogue) appendAttr(dst []byte, tag byte, a attr) []byte {
	t := &c.tables[a.key]
	form := keys[a.key].form
	if form == formTable {
		dst = append(dst, tag)
		return append(dst, t.encoded[a.num]...)
	}
	dst = append(dst, tag, 0)
	start := len(dst)
	dst = append(dst, t.prefix...)
	switch form {
	case formInt:
		dst = append(dst, 0x12, 0, 0x18)
		mark := len(dst)
		dst = binary.AppendUvarint(dst, a.num)
		dst[mark-2] = byte(len(dst) - mark + 1)
	case formDouble:
		dst = append(dst, 0x12, 9, 0x21)
		dst = binary.LittleEndian.AppendUint64(dst, math.Float64bits(float64(a.num)/1000))
	case formBool:
		dst = append(dst, 0x12, 2, 0x10, byte(a.num))
	default:
		dst = append(dst, 0x12, 0, 0x0a, 0)
		mark := len(dst)
		dst = c.appendText(dst, a)
		dst[mark-1] = byte(len(dst) - mark)
		dst[mark-3] = byte(len(dst) - mark + 2)
	}
	dst[start-1] = byte(len(dst) - start)
	return dst
}

// appendText appends the string of a formText attribute, at most 90 bytes.
func (c *catalogue) appendText(dst []byte, a attr) []byte {
	switch a.key {
	case keyURLPath:
		return c.appendPath(dst, a.num)
	case keyClientAddress:
		for shift := 24; shift > 0; shift -= 8 {
			dst = strconv.AppendUint(dst, a.num>>shift&0xff, 10)
			dst = append(dst, '.')
		}
		return strconv.AppendUint(dst, a.num&0xff, 10)
	case keyUserID:
		return strconv.AppendUint(append(dst, "user-"...), a.num, 10)
	case keyRequestID:
		return appendHex(dst, a.num, 16)
	case keyOrderID:
		return appendHex(append(dst, "ord-"...), a.num, 12)
	case keyCacheKey:
		dst = append(dst, cacheSpaces[a.num>>48%uint64(len(cacheSpaces))]...)
		return strconv.AppendUint(dst, a.num&0xffffff, 10)
	default: // keyExceptionMessage
		dst = append(dst, exceptions[a.num>>32].message...)
		dst = strconv.AppendUint(dst, a.num&0xffffffff, 10)
		return append(dst, " ms"...)
	}
}

// appendPath appends an operation's route with its parameters filled in:
// num is operation << 40 | 40 bits, 20 of them for {id}, then 12 for {item}.
func (c *catalogue) appendPath(dst []byte, num uint64) []byte {
	params := [2]uint64{num >> 20 & 0xfffff, num >> 8 & 0xfff}
	for i, piece := range c.operations[num>>40].path {
		if i > 0 {
			dst = strconv.AppendUint(dst, params[i-1], 10)
		}
		dst = append(dst, piece...)
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// appendHex appends the lowest digits hex digits of v.
func appendHex(dst []byte, v uint64, digits int) []byte {
	for shift := 4 * (digits - 1); shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[v>>shift&15])
	}
	return dst
}
