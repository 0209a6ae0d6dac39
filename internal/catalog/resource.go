package catalog

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/pandodb/pando/internal/base"
)

// MaxSpecBytes bounds the model's own declaration inside a resource. The
// largest real ones (a measure with hundreds of tags) take a few KiB.
const MaxSpecBytes = 256 << 10

// Resource is a declared trace store, metric, stream or table inside a group.
// Its kind is its group's.
type Resource struct {
	// ID is assigned when the resource is created; declarations leave it zero.
	ID    base.ResourceID `json:"id"`
	Group GroupID         `json:"group"`
	Name  string          `json:"name"`
	// Spec is what the resource's model needs to know (tags, fields, column
	// families): a JSON document, or nil. The catalog keeps it and never looks
	// inside. It is shared by all readers: do not modify its bytes.
	Spec json.RawMessage `json:"spec,omitempty"`
	// Revision is the store's revision at which the resource last changed; see
	// [Group].
	Revision uint64 `json:"-"`
}

// Validate returns every problem of the declaration at once, joined, as an
// error of class invalid. It does not look at ID, Group and Revision.
func (r Resource) Validate() error {
	errs := []error{checkName(r.Name)}
	if len(r.Spec) > MaxSpecBytes {
		errs = append(errs, fmt.Errorf("spec has %d bytes, the limit is %d", len(r.Spec), MaxSpecBytes))
	} else if r.Spec != nil && !json.Valid(r.Spec) {
		errs = append(errs, errors.New("spec is not a JSON document"))
	}
	if err := errors.Join(errs...); err != nil {
		return base.Errorf(base.ClassInvalid, "resource %q: %w", r.Name, err)
	}
	return nil
}
