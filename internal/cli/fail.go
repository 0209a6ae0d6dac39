package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitProblems    = 3
	exitUnavailable = 5
	exitCorruption  = 6
	exitInterrupted = 130
)

// workError marks an error of a command that was started rightly.
type workError struct{ err error }

func (e *workError) Error() string { return e.err.Error() }
func (e *workError) Unwrap() error { return e.err }

// hintError is an error with advice.
type hintError struct {
	err  error
	hint string
}

func (e *hintError) Error() string { return e.err.Error() }
func (e *hintError) Unwrap() error { return e.err }

// withHint says what to do about err, unless a server said already.
func withHint(err error, format string, args ...any) error {
	var said *api.Error
	if err == nil || errors.As(err, &said) && said.Hint != "" {
		return err
	}
	return &hintError{err: err, hint: fmt.Sprintf(format, args...)}
}

// atLeastOne refuses a number for which nothing is left to do.
func atLeastOne(flag string, n int) error {
	if n < 1 {
		return base.Errorf(base.ClassInvalid, "%s %d: want at least 1", flag, n)
	}
	return nil
}

// errProblems says that a check found problems, which are printed already.
var errProblems = errors.New("the check found problems")

// outcome is how a class of errors ends the process.
type outcome struct {
	code string
	exit int
}

var outcomes = [...]outcome{
	base.ClassBug:         {"E_FAILED", exitFailure},
	base.ClassInvalid:     {"E_INVALID", exitUsage},
	base.ClassNotFound:    {"E_NOT_FOUND", exitFailure},
	base.ClassConflict:    {"E_CONFLICT", exitFailure},
	base.ClassTooOld:      {"E_TOO_OLD", exitFailure},
	base.ClassTooLarge:    {"E_TOO_LARGE", exitFailure},
	base.ClassOverload:    {"E_OVERLOAD", exitUnavailable},
	base.ClassUnavailable: {"E_UNAVAILABLE", exitUnavailable},
	base.ClassCorruption:  {"E_CORRUPTION", exitCorruption},
}

func outcomeOf(err error) outcome {
	var work *workError
	switch {
	case !errors.As(err, &work):
		return outcome{"E_USAGE", exitUsage}
	case errors.Is(err, errProblems):
		return outcome{"E_PROBLEMS", exitProblems}
	case errors.Is(err, context.Canceled):
		return outcome{"E_INTERRUPTED", exitInterrupted}
	case errors.Is(err, context.DeadlineExceeded):
		return outcome{"E_TIMEOUT", exitUnavailable}
	}
	return outcomes[base.ClassOf(err)]
}

// report prints the error of a command and returns the exit code.
func report(w io.Writer, cmd *cobra.Command, err error) int {
	o := outcomeOf(err)
	if o.exit == exitProblems { // the problems are the output
		return o.exit
	}
	if o.exit == exitInterrupted {
		_, _ = fmt.Fprintln(w, "interrupted") // nobody to tell if this fails
		return o.exit
	}
	text := fmt.Sprintf("%s failed (%s)\n  why: %s\n", cmd.CommandPath(), o.code, indent(err.Error()))
	if hint := hintOf(cmd, err, o); hint != "" {
		text += "  try: " + indent(hint) + "\n"
	}
	_, _ = io.WriteString(w, text) // nobody to tell if this fails
	return o.exit
}

// hintOf returns the server's advice, the command's, or what usage errors need.
func hintOf(cmd *cobra.Command, err error, o outcome) string {
	var said *api.Error
	if errors.As(err, &said) && said.Hint != "" {
		return said.Hint
	}
	if hint, ok := errors.AsType[*hintError](err); ok {
		return hint.hint
	}
	if o.exit == exitUsage {
		return cmd.CommandPath() + " --help"
	}
	return ""
}

// indent keeps the lines of a longer text behind the first word's column.
func indent(s string) string {
	return strings.ReplaceAll(cleanLines(strings.TrimSpace(s)), "\n", "\n       ")
}
