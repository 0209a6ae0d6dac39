package ui

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// errMethod answers anything but GET and HEAD.
var errMethod = base.Errorf(base.ClassInvalid, "this address is read with GET")

// answer is how an error class appears on the wire.
type answer struct {
	status int
	code   string
	hint   string
}

// answers maps every class of package base; the index is the class.
var answers = [...]answer{
	base.ClassBug:         {http.StatusInternalServerError, "E_INTERNAL", "This is a bug of Pando. The server's log has the details."},
	base.ClassInvalid:     {http.StatusBadRequest, "E_INVALID", "Correct the request and send it again."},
	base.ClassNotFound:    {http.StatusNotFound, "E_NOT_FOUND", "Check the id or name. Data past its retention is gone."},
	base.ClassConflict:    {http.StatusConflict, "E_CONFLICT", "Load the current state and try again."},
	base.ClassTooOld:      {http.StatusBadRequest, "E_TOO_OLD", "Choose a time range inside the retention."},
	base.ClassTooLarge:    {http.StatusRequestEntityTooLarge, "E_TOO_LARGE", "Ask for less: a shorter time range, a smaller limit or more filters."},
	base.ClassOverload:    {http.StatusTooManyRequests, "E_OVERLOAD", "The server is busy. Try again in a moment."},
	base.ClassUnavailable: {http.StatusServiceUnavailable, "E_UNAVAILABLE", "The server is starting, stopping or moving data. Try again in a moment."},
	base.ClassCorruption:  {http.StatusInternalServerError, "E_CORRUPTION", "A file on disk is damaged and was set aside. Ask the operator to look at the server's log."},
}

var (
	timedOut  = answer{http.StatusGatewayTimeout, "E_TIMEOUT", "Ask for less: a shorter time range, a smaller limit or more filters."}
	badMethod = answer{http.StatusMethodNotAllowed, "E_METHOD", "Use GET."}
)

func answerOf(err error) answer {
	switch {
	case errors.Is(err, errMethod):
		return badMethod
	case errors.Is(err, context.DeadlineExceeded):
		return timedOut
	default:
		return answers[base.ClassOf(err)]
	}
}

// writeError answers with the error document. Errors nobody foresaw are logged
// and hidden; a request whose client is gone gets nothing.
func (h *Handler) writeError(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		if r.Context().Err() != nil {
			return
		}
		err = base.Errorf(base.ClassUnavailable, "the server ended the request")
	}
	a := answerOf(err)
	message := err.Error()
	if a == timedOut && h.opts.Timeout > 0 {
		message = fmt.Sprintf("the answer was not found within %v", h.opts.Timeout)
	}
	if a.status == http.StatusInternalServerError {
		h.opts.Logger.Error("page request failed",
			slog.String("path", r.URL.Path), slog.String("code", a.code), slog.Any("err", err))
	}
	if a.code == "E_INTERNAL" {
		message = "something unexpected went wrong"
	}
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retrySeconds(err))
	}
	if a.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", "GET, HEAD")
	}
	doc := errorDoc{Error: errorBody{Code: a.code, Message: message, Hint: a.hint}}
	if placed, ok := errors.AsType[*filterError](err); ok {
		doc.Error.Place = &placed.place
	}
	writeJSON(w, a.status, &doc)
}

type errorDoc struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
	// Place says where in the parameter "filter" the mistake is.
	Place *placeDoc `json:"place,omitempty"`
}

// retrySeconds renders the wait the error asks for, at least one second.
func retrySeconds(err error) string {
	var e *base.Error
	if !errors.As(err, &e) {
		return "1"
	}
	return strconv.Itoa(max(1, int(e.RetryAfter.Round(time.Second)/time.Second)))
}
