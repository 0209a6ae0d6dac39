package catalog

import (
	"errors"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

// MaxNameBytes bounds the name of a group or resource. It leaves room for a
// group and a resource name, quoted, in one line of a log or an error.
const MaxNameBytes = 150

// ValidateName reports why name cannot name a group or a resource, as an error
// of class invalid. A name has 1 to [MaxNameBytes] bytes of ASCII letters,
// digits and !-_.*'() and is neither "." nor "..". That is the alphabet object
// stores call safe: such a name needs no escaping in a URL, a shell or a log.
func ValidateName(name string) error {
	if err := checkName(name); err != nil {
		return base.Mark(base.ClassInvalid, err)
	}
	return nil
}

func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("name is empty")
	case len(name) > MaxNameBytes:
		return fmt.Errorf("name has %d bytes, the limit is %d", len(name), MaxNameBytes)
	case name == "." || name == "..":
		return fmt.Errorf("name %q is reserved", name)
	}
	for i := range len(name) {
		if !nameByte(name[i]) {
			return fmt.Errorf("name %q has a forbidden character at byte %d; use letters, digits and !-_.*'()", name, i)
		}
	}
	return nil
}

func nameByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '!', '-', '_', '.', '*', '\'', '(', ')':
		return true
	}
	return false
}
