// Package browser holds the end-to-end tests of the web page: the real handlers
// on invented traces, seen by a real browser. Only tests live here.
package browser
