package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// The page as web/ builds it with `make ui`.
//
//go:embed all:dist
var dist embed.FS

// contentTypes lists what a build may hold. The system's table is not asked: it
// differs between machines.
var contentTypes = map[string]string{
	".html":   "text/html; charset=utf-8",
	".js":     "text/javascript; charset=utf-8",
	".css":    "text/css; charset=utf-8",
	".svg":    "image/svg+xml",
	".sha256": "text/plain; charset=utf-8",
}

// csp lets the page load only what this server sends. Inline styles place bars
// on the timeline; inline scripts and eval stay forbidden.
const csp = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

func setSecurityHeaders(h http.Header) {
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
}

// asset is one file, ready to send.
type asset struct {
	contentType string
	cacheRule   string
	etag        string
	plain       []byte
	gzipped     []byte // nil when not smaller
}

// assets maps a path without leading slash to its file.
type assets map[string]*asset

func loadEmbedded() (assets, error) {
	root, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("open embedded page: %w", err)
	}
	return loadAssets(root)
}

// loadAssets reads all files of root. It refuses a tree without index.html.
func loadAssets(root fs.FS) (assets, error) {
	all := assets{}
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		all[name], err = newAsset(name, data)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read embedded page: %w", err)
	}
	if all["index.html"] == nil {
		return nil, fmt.Errorf("read embedded page: index.html: %w", fs.ErrNotExist)
	}
	return all, nil
}

func newAsset(name string, data []byte) (*asset, error) {
	contentType, ok := contentTypes[path.Ext(name)]
	if !ok {
		return nil, fmt.Errorf("%s: no content type for this extension", name)
	}
	sum := sha256.Sum256(data)
	a := &asset{
		contentType: contentType,
		cacheRule:   "no-cache",
		etag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		plain:       data,
	}
	if strings.HasPrefix(name, "assets/") {
		a.cacheRule = "public, max-age=31536000, immutable"
	}
	var buf bytes.Buffer
	zw, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := zw.Write(data); err != nil {
		return nil, err
	}
	if err := zw.Close(); err != nil {
		return nil, err
	}
	if buf.Len() < len(data) {
		a.gzipped = buf.Bytes()
	}
	return a, nil
}

// ServeHTTP implements http.Handler.
func (all assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	a := all[name]
	if a == nil && (name == "" || isNavigation(r)) {
		a = all["index.html"]
	}
	if a == nil {
		http.NotFound(w, r)
		return
	}
	a.serve(w, r)
}

// isNavigation tells a person's address bar from a script's request: only the
// former gets the page for a path that names no file.
func isNavigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return path.Ext(r.URL.Path) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", a.cacheRule)
	h.Set("Vary", "Accept-Encoding")
	body, etag := a.plain, a.etag
	if a.gzipped != nil && acceptsGzip(r) {
		// A strong ETag names bytes, so the two forms have different ones.
		body, etag = a.gzipped, strings.TrimSuffix(a.etag, `"`)+`-gz"`
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", etag)
	if matchesETag(r.Header.Get("If-None-Match"), etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a reader that left is no error
	}
}

// matchesETag reports whether an If-None-Match header names the tag. Weak forms
// match, as RFC 9110 section 13.1.2 asks.
func matchesETag(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimPrefix(strings.TrimSpace(part), "W/")
		if part == etag || part == "*" {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding; "gzip;q=0" is a refusal.
func acceptsGzip(r *http.Request) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !ok || err != nil || weight > 0
	}
	return false
}
