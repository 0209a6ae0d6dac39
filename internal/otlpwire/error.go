package otlpwire

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/pandodb/pando/internal/base"
)

// Fault says what kind of thing is wrong with a message.
type Fault uint8

// The faults. A message with FaultSyntax cannot be split into fields, so
// nothing after it can be trusted; one with another fault can be skipped alone.
const (
	FaultSyntax   Fault = iota // truncated, overlong or impossible bytes
	FaultWireType              // a known field with a wrong wire type
	FaultText                  // a string field that is not UTF-8
	FaultDepth                 // values nested deeper than MaxDepth
)

// Error says what is wrong with a message, and where.
type Error struct {
	Fault  Fault
	Path   string // "spans[3].attributes[0].value"; empty for the message itself
	Reason string
}

// Error returns path and reason.
func (e *Error) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

// FaultOf returns the fault of an error of this package, and whether it is one.
func FaultOf(err error) (Fault, bool) {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Fault, true
	}
	return 0, false
}

// At prepends a field to the path of an error of this package; index is the
// element of a repeated field, or negative. Other errors and nil pass through.
func At(field string, index int, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err
	}
	if index >= 0 {
		field += "[" + strconv.Itoa(index) + "]"
	}
	if e.Path != "" {
		field += "." + e.Path
	}
	e.Path = field
	return err
}

func faultf(f Fault, format string, args ...any) error {
	return base.Mark(base.ClassInvalid, &Error{Fault: f, Reason: fmt.Sprintf(format, args...)})
}
