package server_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// answer is what a test looks at of a response that was read.
type answer struct {
	status int
	header http.Header
}

// get asks the server and returns the answer, its body decoded into doc unless
// that is nil.
func get(t *testing.T, url string, header http.Header, doc any) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if doc != nil {
		if err := json.NewDecoder(resp.Body).Decode(doc); err != nil {
			t.Fatalf("%s: %v", url, err)
		}
	}
	return answer{resp.StatusCode, resp.Header}
}

// TestPartialAnswers damages a part: from then on answers say that they lack
// rows, and the API says which.
func TestPartialAnswers(t *testing.T) {
	dir := t.TempDir()
	s := start(t, dir)
	send(t, s.Addr(), corpusOf(50))
	if err := s.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	services := "http://" + s.Addr() + "/api/services"
	if got := get(t, services, nil, nil).header.Get("Pando-Partial"); got != "" {
		t.Errorf("sound answers are marked: %q", got)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "tablets", "*", "*", "*", "meta.bin"))
	if err != nil || len(files) == 0 {
		t.Fatalf("parts on disk: %v, %v", files, err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(files[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	s = start(t, dir)
	if got := get(t, "http://"+s.Addr()+"/api/services", nil, nil).header.Get("Pando-Partial"); got == "" {
		t.Error("an answer without the damaged part is not marked")
	}
	var list struct{ Parts []struct{ Reason string } }
	if get(t, "http://"+s.Addr()+"/api/v1/quarantine", nil, &list); len(list.Parts) != 1 || list.Parts[0].Reason == "" {
		t.Errorf("quarantine: %+v", list)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestAdminIsLocal refuses administration that a proxy passes on.
func TestAdminIsLocal(t *testing.T) {
	s := start(t, t.TempDir())
	url := "http://" + s.Addr() + "/debug/pprof/goroutine?debug=1"
	if code := get(t, url, nil, nil).status; code != http.StatusOK {
		t.Errorf("from this machine: %d", code)
	}
	if code := get(t, url, http.Header{"X-Forwarded-For": {"203.0.113.9"}}, nil).status; code != http.StatusForbidden {
		t.Errorf("through a proxy: %d", code)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestUnknownHost refuses a page that pointed its own name at this server.
func TestUnknownHost(t *testing.T) {
	s := start(t, t.TempDir())
	for host, want := range map[string]int{"": 200, "localhost:7070": 200, "127.0.0.1": 200, "[::1]:80": 200, "evil.example": 403, "evil.example:7070": 403} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.Addr()+"/api/services", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _ = resp.Body.Close(); resp.StatusCode != want {
			t.Errorf("host %q: %d, want %d", host, resp.StatusCode, want)
		}
	}
	if code := get(t, "http://"+s.Addr()+"/v1/logs", nil, nil).status; code != http.StatusNotFound {
		t.Errorf("/v1/logs: %d", code)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
