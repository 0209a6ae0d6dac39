package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// Client talks to one server. It is safe for concurrent use.
type Client struct {
	base string // scheme://host:port, no slash at the end
	http *http.Client
}

// requestTimeout is above the server's own bound, so that the server's answer
// about a slow request arrives.
const requestTimeout = 40 * time.Second

// maxBody bounds an answer: the longest trace the server draws takes 25 MB.
const maxBody = 256 << 20

// New returns a client of the server at address: a URL, or a host:port.
func New(address string) (*Client, error) {
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, base.Errorf(base.ClassInvalid, "server %q: want a host:port or a URL such as http://127.0.0.1:7070", address)
	}
	return &Client{base: u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"), http: &http.Client{Timeout: requestTimeout}}, nil
}

// Address returns the URL of the server.
func (c *Client) Address() string { return c.base }

// Error is an answer that says no.
type Error struct {
	Code    string // E_NOT_FOUND and the like
	Message string // what failed and why
	Hint    string // what to do
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// classes maps the server's code words back.
var classes = map[string]base.Class{
	"E_INVALID": base.ClassInvalid, "E_NOT_FOUND": base.ClassNotFound, "E_CONFLICT": base.ClassConflict,
	"E_TOO_OLD": base.ClassTooOld, "E_TOO_LARGE": base.ClassTooLarge, "E_OVERLOAD": base.ClassOverload,
	"E_UNAVAILABLE": base.ClassUnavailable, "E_TIMEOUT": base.ClassUnavailable, "E_CORRUPTION": base.ClassCorruption,
}

// get reads the JSON document at path into doc.
func (c *Client) get(ctx context.Context, path string, query url.Values, doc any) error {
	target := c.base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody)
	if err != nil {
		return base.Mark(base.ClassInvalid, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(ctx, err)
	}
	defer func() { _ = resp.Body.Close() }() // only read
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return c.unreachable(ctx, err)
	}
	if resp.StatusCode != http.StatusOK {
		return refusal(resp, body)
	}
	if err := json.Unmarshal(body, doc); err != nil {
		return fmt.Errorf("%s does not answer like a Pando server: %w", c.base, err)
	}
	return nil
}

func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err // what it adds is the address, which is named already
	}
	return base.Errorf(base.ClassUnavailable, "no server answers at %s: %w", c.base, err)
}

// refusal turns an error answer into an error with a class.
func refusal(resp *http.Response, body []byte) error {
	var doc struct {
		Error struct{ Code, Message, Hint string }
	}
	if json.Unmarshal(body, &doc) != nil || doc.Error.Code == "" {
		err := fmt.Errorf("%s: %.300s", resp.Status, strings.TrimSpace(string(body)))
		if resp.StatusCode >= http.StatusBadGateway {
			return base.Mark(base.ClassUnavailable, err)
		}
		return err
	}
	err := &Error{Code: doc.Error.Code, Message: doc.Error.Message, Hint: doc.Error.Hint}
	class, ok := classes[err.Code]
	if !ok {
		return err
	}
	return base.Mark(class, err)
}
