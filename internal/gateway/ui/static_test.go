package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPageHeaders(t *testing.T) {
	h := newTestHandler(t, &fakeStore{})
	index := get(t, h, "/")
	if index.Code != 200 || !strings.Contains(index.Body.String(), `<div id="app">`) {
		t.Fatalf("index: %d %s", index.Code, index.Body)
	}
	script := regexp.MustCompile(`assets/[^"]+\.js`).FindString(index.Body.String())
	for path, cache := range map[string]string{
		"/": "no-cache", "/index.html": "no-cache", "/icon.svg": "no-cache",
		"/" + script: "public, max-age=31536000, immutable",
	} {
		w := get(t, h, path)
		for name, want := range map[string]string{
			"Cache-Control": cache, "X-Content-Type-Options": "nosniff", "Vary": "Accept-Encoding", "Content-Security-Policy": csp,
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %s: %q, want %q", path, name, got, want)
			}
		}
		etag := w.Header().Get("ETag")
		if again := get(t, h, path, "If-None-Match", `"other", W/`+etag); again.Code != 304 || again.Body.Len() != 0 {
			t.Errorf("%s: revalidated with status %d and %d bytes", path, again.Code, again.Body.Len())
		}
		packed := get(t, h, path, "Accept-Encoding", "gzip", "If-None-Match", etag)
		if packed.Code != 200 || packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("ETag") == etag {
			t.Errorf("%s: gzip form: status %d, headers %v", path, packed.Code, packed.Header())
		}
	}
	for _, rule := range []string{"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'"} {
		if !strings.Contains(csp, rule) {
			t.Errorf("the policy lacks %s", rule)
		}
	}
	if strings.Contains(csp, "unsafe-eval") || strings.Contains(csp, "script-src") {
		t.Errorf("the policy lets in scripts: %s", csp)
	}
}

func TestUnknownPathIsIndexForNavigationsOnly(t *testing.T) {
	h := newTestHandler(t, &fakeStore{})
	f := func(status int, path string, header ...string) {
		t.Helper()
		if w := get(t, h, path, header...); w.Code != status {
			t.Errorf("%s %v: status %d, want %d", path, header, w.Code, status)
		}
	}
	f(200, "/somewhere", "Accept", "text/html,*/*")
	f(200, "/somewhere.x", "Sec-Fetch-Mode", "navigate")
	f(404, "/somewhere", "Accept", "application/json")
	f(404, "/somewhere", "Accept", "text/html", "Sec-Fetch-Mode", "cors")
	f(404, "/assets/gone.js", "Accept", "text/html")
}

func TestAcceptsGzip(t *testing.T) {
	h := newTestHandler(t, &fakeStore{})
	for header, want := range map[string]string{
		"gzip": "gzip", "br, GZIP;q=0.5": "gzip", "gzip;q=0": "", "gzip; q=0.0": "", "br": "", "": "", "xgzip": "",
	} {
		if got := get(t, h, "/", "Accept-Encoding", header).Header().Get("Content-Encoding"); got != want {
			t.Errorf("%q: encoding %q, want %q", header, got, want)
		}
	}
}

func TestLoadAssetsRefuses(t *testing.T) {
	for name, files := range map[string]fstest.MapFS{
		"no index":     {"a.js": {Data: []byte("x")}},
		"unknown type": {"index.html": {Data: []byte("x")}, "a.exe": {Data: []byte("x")}},
	} {
		if _, err := loadAssets(files); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// sourceInputs is the list of web/build/sources.ts.
var sourceInputs = []string{
	"build", "index.html", "package-lock.json", "package.json", "public", "src", "tsconfig.json", "vite.config.ts",
}

// TestPageIsFresh recomputes the digest of the page's sources, as
// web/build/sources.ts does, and compares it with the one in dist.
func TestPageIsFresh(t *testing.T) {
	root := filepath.FromSlash("../../../web")
	if _, err := os.Stat(root); err != nil {
		t.Skipf("the page's sources are not here: %v", err)
	}
	var files []string
	for _, input := range sourceInputs {
		err := filepath.WalkDir(filepath.Join(root, input), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	total := sha256.New()
	lines := make([]string, 0, len(files))
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s\x00%x %[1]s\n", filepath.ToSlash(name), sha256.Sum256(data)))
	}
	slices.Sort(lines) // by name
	for _, line := range lines {
		_, line, _ = strings.Cut(line, "\x00")
		total.Write([]byte(line))
	}
	want := hex.EncodeToString(total.Sum(nil))
	got, err := dist.ReadFile("dist/sources.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(got)) != want {
		t.Errorf("dist was built from other sources than web/ holds: run make ui")
	}
}

// TestPageBudget keeps the page small: a first look must not wait for code.
func TestPageBudget(t *testing.T) {
	const (
		shellBytes = 40 << 10
		pageBytes  = 40 << 10
		distBytes  = 1536 << 10
	)
	index, err := dist.ReadFile("dist/index.html")
	if err != nil {
		t.Fatal(err)
	}
	total, shell := 0, gzipSize(t, index)
	err = fs.WalkDir(dist, "dist", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := dist.ReadFile(path)
		if err != nil {
			return err
		}
		total += len(data)
		size := gzipSize(t, data)
		if bytes.Contains(index, []byte(filepath.Base(path))) {
			shell += size
		} else if size > pageBytes {
			t.Errorf("%s is %d bytes compressed, above %d", path, size, pageBytes)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("shell %d bytes compressed, dist %d bytes", shell, total)
	if shell > shellBytes {
		t.Errorf("the shell is %d bytes compressed, above %d", shell, shellBytes)
	}
	if total > distBytes {
		t.Errorf("dist is %d bytes, above %d", total, distBytes)
	}
}

func gzipSize(t *testing.T, data []byte) int {
	t.Helper()
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zw.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := zw.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Len()
}
