package server_test

import (
	"net/http"
	"testing"
)

// TestStrangersChangeNothing: what changes or computes something is refused to web
// pages of other origins and under other hosts' names, and administration to
// other machines.
func TestStrangersChangeNothing(t *testing.T) {
	s := start(t, t.TempDir())
	post := func(path, host string, header http.Header) int {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host, req.Header = host, header
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close() // only the status counts
		return resp.StatusCode
	}
	admin := []string{"/api/admin/flush", "/api/admin/compact", "/api/admin/purge", "/api/admin/purge-archive"}
	for _, path := range append([]string{
		"/v1/traces", "/api/archive/1", "/api/transform", "/api/v3/traces", "/api/v3/trace-summaries", "/api/v3/spans",
	}, admin...) {
		for name, header := range map[string]http.Header{
			"another site":   {"Sec-Fetch-Site": {"cross-site"}},
			"another origin": {"Origin": {"http://evil.example"}},
		} {
			if got := post(path, "", header); got != http.StatusForbidden {
				t.Errorf("%s from %s: %d", path, name, got)
			}
		}
		if got := post(path, "evil.example", nil); got != http.StatusForbidden {
			t.Errorf("%s under another name: %d", path, got)
		}
	}
	for _, path := range admin {
		if got := post(path, "", http.Header{"X-Forwarded-For": {"203.0.113.9"}}); got != http.StatusForbidden {
			t.Errorf("%s through a proxy: %d", path, got)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
