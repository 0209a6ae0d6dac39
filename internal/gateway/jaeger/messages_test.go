package jaeger

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestLegacyMessages pins what people read when a request is wrong: it names the
// parameter, what was found and what is wanted.
func TestLegacyMessages(t *testing.T) {
	for target, want := range map[string]string{
		"/api/traces/xyz":                           `trace id "xyz": want 1 to 32 hex digits, not all zero`,
		"/api/traces/" + strings.Repeat("0", 9):     `trace id "000000000": want 1 to 32 hex digits, not all zero`,
		"/api/traces?traceID=1&traceID=-1":          `trace id "-1": want 1 to 32 hex digits, not all zero`,
		"/api/traces/1?start=2&end=1":               "time range is reversed: it ends before it starts",
		"/api/traces/1?raw=maybe":                   `parameter 'raw': "maybe": want true or false`,
		"/api/traces?limit=10001":                   `parameter 'limit': "10001": want 1 to 10000 traces`,
		"/api/traces?limit=-1":                      `parameter 'limit': "-1": want 1 to 10000 traces`,
		"/api/traces?limit=many":                    `parameter 'limit': "many": want 1 to 10000 traces`,
		"/api/traces?start=noon":                    `parameter 'start': "noon": want an integer of microseconds, at most 9223372036854774`,
		"/api/traces?end=9223372036854775807":       `parameter 'end': "9223372036854775807": want an integer of microseconds, at most 9223372036854774`,
		"/api/traces?start=2&end=1":                 "time range is reversed: parameter 'end' is before 'start'",
		"/api/traces?minDuration=5":                 `parameter 'minDuration': "5": want a duration such as 250ms or 1.5s`,
		"/api/traces?minDuration=2s&maxDuration=1s": "the maximum duration 1s is below the minimum 2s",
		"/api/traces?tag=a":                         `parameter 'tag': "a": want name:value`,
		"/api/traces?tags=%7B%22a%22%7D":            `parameter 'tags': "{\"a\"}": want a JSON object of texts, such as {"http.status_code":"200"}`,
		"/api/traces?tags=a=%22b":                   `parameter 'tags': "a=\"b": want words such as error=true http.method="GET /", or a JSON object of texts`,
		"/api/operations":                           "parameter 'service' is required",
		"/api/operations?service=s&spanKind=x":      `span kind "x": want internal, server, client, producer, consumer or unspecified`,
		"/api/dependencies?lookback=0":              `parameter 'lookback': "0": want a positive number of milliseconds`,
		"/api/dependencies?endTs=now":               `parameter 'endTs': "now": want an integer of milliseconds, at most 9223372036853`,
		"/api/services?%zz":                         "",
	} {
		t.Run(target, func(t *testing.T) {
			w := get(t, &fakeStore{}, target)
			var doc envelope
			if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
				t.Fatal(err)
			}
			got := ""
			if len(doc.Errors) == 1 {
				got = doc.Errors[0].Msg
			}
			if got != want {
				t.Errorf("status %d: %q, want %q", w.Code, got, want)
			}
		})
	}
}
