package jaeger

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gateway/jaeger/serve"
	"github.com/pandodb/pando/internal/model/trace"
	"github.com/pandodb/pando/internal/query/expression"
	"github.com/pandodb/pando/internal/query/search"
)

// params reads the parameters of a request. The first error stays; values read
// after it mean nothing.
type params struct {
	values url.Values
	err    error
}

func newParams(rawQuery string) *params {
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		err = base.Errorf(base.ClassInvalid, "query string: %w", err)
	}
	return &params{values: values, err: err}
}

// get returns the first value that is not empty under any of the names, and the
// name it was found under; the first name if there is none.
func (p *params) get(names ...string) (text, name string) {
	for _, name := range names {
		if v := p.values.Get(name); v != "" {
			return v, name
		}
	}
	return "", names[0]
}

func (p *params) text(names ...string) string {
	v, _ := p.get(names...)
	return v
}

// only refuses parameters that begin with prefix and are none of names: they may
// be conditions, and without them the answer would be more than was asked for.
func (p *params) only(prefix string, names []string) {
	for _, name := range slices.Sorted(maps.Keys(p.values)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(names, name) && p.err == nil {
			p.err = base.Errorf(base.ClassInvalid, "parameter '%.80s' is none of this search: say it in query.filter", name)
		}
	}
}

func (p *params) fail(name, text, want string) {
	if p.err == nil {
		p.err = base.Errorf(base.ClassInvalid, "parameter '%s': %.80q: want %s", name, text, want)
	}
}

// count reads a limit of traces; absent means zero.
func (p *params) count(names ...string) int {
	text, name := p.get(names...)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > search.MaxLimit {
		p.fail(name, text, "1 to "+strconv.Itoa(search.MaxLimit)+" traces")
	}
	return n
}

// duration reads a duration as Go writes them; absent means zero.
func (p *params) duration(names ...string) time.Duration {
	text, name := p.get(names...)
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		p.fail(name, text, "a duration such as 250ms or 1.5s")
	}
	return d
}

// boolean reads a truth value; absent means false.
func (p *params) boolean(names ...string) bool {
	text, name := p.get(names...)
	if text == "" {
		return false
	}
	b, err := strconv.ParseBool(text)
	if err != nil {
		p.fail(name, text, "true or false")
	}
	return b
}

// units reads a count of time units, such as microseconds since the epoch, as
// nanoseconds. The second result tells whether it was there.
func (p *params) units(name string, unit time.Duration) (int64, bool) {
	text, _ := p.get(name)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if most := math.MaxInt64/int64(unit) - 1; err != nil || n > most || n < -most {
		p.fail(name, text, "an integer of "+unitNames[unit]+", at most "+strconv.FormatInt(most, 10))
		return 0, false
	}
	return n * int64(unit), true
}

var unitNames = map[time.Duration]string{time.Microsecond: "microseconds", time.Millisecond: "milliseconds"}

// instant reads an RFC 3339 time as Unix nanoseconds. The second result tells
// whether it was there.
func (p *params) instant(names ...string) (int64, bool) {
	text, name := p.get(names...)
	if text == "" {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		p.fail(name, text, "RFC 3339, such as 2026-11-20T14:00:00.5Z")
		return 0, false
	}
	return serve.UnixNanos(t), true
}

// filter reads a filter in JSON; absent means nil.
func (p *params) filter(name string) *expression.Call {
	text := p.text(name)
	if text == "" || p.err != nil {
		return nil
	}
	c, err := expression.ParseJSON([]byte(text))
	if err != nil {
		p.err = base.Errorf(base.ClassOf(err), "parameter '%s': %w", name, err)
	}
	return c
}

// page reads which page is asked for; absent means nil.
func (p *params) page() *search.Page {
	size, name := p.get("query.pagination.pageSize", "query.pagination.page_size")
	token := p.text("query.pagination.pageToken", "query.pagination.page_token")
	if size == "" && token == "" || p.err != nil {
		return nil
	}
	n, err := strconv.ParseUint(cmp.Or(size, "0"), 10, 32)
	if err != nil {
		p.fail(name, size, "1 to "+strconv.Itoa(search.MaxPage)+" results")
		return nil
	}
	page, err := serve.NewPage(n, token)
	p.err = err
	return &page
}

// attributes reads a JSON object of tag conditions into dst. Numbers and truth
// values count as their text; Jaeger takes text only.
func (p *params) attributes(dst map[string]string, name, text string) {
	const want = `a JSON object of texts, such as {"http.status_code":"200"}`
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &members); err != nil {
		p.fail(name, text, want)
		return
	}
	for key, raw := range members {
		value, ok := scalarText(raw)
		if !ok || key == "" {
			p.fail(name, text, want)
			return
		}
		dst[key] = value
	}
}

// scalarText returns a JSON text, number or truth value as text.
func scalarText(raw json.RawMessage) (string, bool) {
	switch raw = bytes.TrimSpace(raw); raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err == nil
	case '{', '[', 'n':
		return "", false
	default:
		return string(raw), true
	}
}

// tag reads a condition written name:value into dst.
func (p *params) tag(dst map[string]string, name, text string) {
	key, value, ok := strings.Cut(text, ":")
	if !ok || key == "" {
		p.fail(name, text, "name:value")
		return
	}
	dst[key] = value
}

// parseTraceID reads a trace id: 1 to 32 hex digits or, as some clients of
// api/v3 send it, 8 or 16 bytes in base64 of any kind. What reads as hex is hex.
func parseTraceID(s string) (trace.ID, error) {
	id, err := trace.ParseID(s)
	if err == nil {
		return id, nil
	}
	// All four kinds of base64 are one with its letters unified and unpadded.
	text := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	if len(s) > base64.StdEncoding.EncodedLen(len(id)) {
		return trace.ID{}, err
	}
	b, decodeErr := base64.RawStdEncoding.Strict().DecodeString(text)
	if decodeErr != nil || len(b) != 8 && len(b) != 16 {
		return trace.ID{}, err
	}
	copy(id[len(id)-len(b):], b)
	if id.IsZero() {
		return trace.ID{}, err
	}
	return id, nil
}
