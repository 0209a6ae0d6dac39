package trace

import (
	"errors"
	"fmt"
)

// Options bounds what a Builder takes. The zero value means the defaults; a
// negative number is an error.
type Options struct {
	// MaxAttrs is how many attributes a span may have; with more it is refused.
	// Default 1,024: instrumentation stops at 128 by specification.
	MaxAttrs int
	// MaxValueBytes bounds one attribute value, name, trace state or status
	// message; a span with a longer one is refused. Default 256 KiB, which fits
	// the prompts that AI instrumentation records.
	MaxValueBytes int
	// MaxDocBytes bounds a resource, a scope, and the events and the links of one
	// span; spans beyond are refused. Default 1 MiB.
	MaxDocBytes int
	// MaxKeyBytes bounds an attribute key that gets a column of its own; longer
	// ones are kept in the extra document. Default 256.
	MaxKeyBytes int
	// MaxColumns bounds the attribute keys that get columns in one batch; the
	// others are kept in the extra document. Default 2,048.
	MaxColumns int
}

func (o Options) withDefaults() Options {
	def := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.MaxAttrs, 1024)
	def(&o.MaxValueBytes, 256<<10)
	def(&o.MaxDocBytes, 1<<20)
	def(&o.MaxKeyBytes, 256)
	def(&o.MaxColumns, 2048)
	return o
}

// Validate reports everything that is wrong with the options.
func (o Options) Validate() error {
	var errs []error
	check := func(name string, v int) {
		if v < 0 {
			errs = append(errs, fmt.Errorf("trace option %s is %d: want a positive number, or 0 for the default", name, v))
		}
	}
	check("MaxAttrs", o.MaxAttrs)
	check("MaxValueBytes", o.MaxValueBytes)
	check("MaxDocBytes", o.MaxDocBytes)
	check("MaxKeyBytes", o.MaxKeyBytes)
	check("MaxColumns", o.MaxColumns)
	return errors.Join(errs...)
}
