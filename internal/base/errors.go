package base

import (
	"errors"
	"fmt"
	"time"
)

// Class sorts errors by who must act. Gateways map a class to a wire code in
// one table each; nothing below a gateway knows wire codes.
type Class uint8

// The classes. An error without a class is ClassBug: it was not foreseen.
const (
	// ClassBug: ours. Answer "internal error", log it, fix it.
	ClassBug Class = iota
	// ClassInvalid: the request can never succeed as sent.
	ClassInvalid
	// ClassNotFound: what was named does not exist.
	ClassNotFound
	// ClassConflict: the state forbids it now; a changed request may succeed.
	ClassConflict
	// ClassTooOld: the datum lies outside the writable or readable time bounds.
	ClassTooOld
	// ClassTooLarge: a limit of the request was exceeded; the message names the
	// limit, its value and how to raise it.
	ClassTooLarge
	// ClassOverload: full queue, memory budget or disk. Retry after a delay.
	ClassOverload
	// ClassUnavailable: not leader, starting or stopping. Retry elsewhere or later.
	ClassUnavailable
	// ClassCorruption: bytes on disk are damaged. The unit is quarantined.
	ClassCorruption
)

var classNames = [...]string{
	"bug", "invalid", "not found", "conflict", "too old", "too large",
	"overload", "unavailable", "corruption",
}

// String returns the class's name for logs and metrics.
func (c Class) String() string {
	if int(c) >= len(classNames) {
		return fmt.Sprintf("class(%d)", uint8(c))
	}
	return classNames[c]
}

// Error is an error with a class. Match it with errors.As, or ask ClassOf.
type Error struct {
	Class Class
	// RetryAfter is how long a client should wait; zero means the gateway's
	// default. Only ClassOverload and ClassUnavailable use it.
	RetryAfter time.Duration
	err        error
}

// Errorf returns an error of the class. The format follows fmt.Errorf,
// %w included.
func Errorf(c Class, format string, args ...any) error {
	return &Error{Class: c, err: fmt.Errorf(format, args...)}
}

// Mark gives err a class, keeping its text and chain. A nil err stays nil.
func Mark(c Class, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Class: c, err: err}
}

// Retry returns an overload error that asks the client to wait for d.
func Retry(d time.Duration, format string, args ...any) error {
	return &Error{Class: ClassOverload, RetryAfter: d, err: fmt.Errorf(format, args...)}
}

// Error returns the text of the wrapped error: a class adds no prefix.
func (e *Error) Error() string { return e.err.Error() }

// Unwrap returns the wrapped error.
func (e *Error) Unwrap() error { return e.err }

// ClassOf returns the class of the outermost classified error in err's chain,
// or ClassBug.
func ClassOf(err error) Class {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Class
	}
	return ClassBug
}

// IsCorruption reports whether err says that bytes on disk are damaged.
func IsCorruption(err error) bool { return err != nil && ClassOf(err) == ClassCorruption }

// Corruptionf returns a corruption error that names the damaged file and the
// offset of the damaged unit in it.
func Corruptionf(file string, offset int64, format string, args ...any) error {
	return &Error{
		Class: ClassCorruption,
		err:   fmt.Errorf("%s: offset %d: %w", file, offset, fmt.Errorf(format, args...)),
	}
}
