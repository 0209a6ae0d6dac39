package expression

import "github.com/pandodb/pando/internal/base"

// Validate says whether the filter can be evaluated.
func (c *Call) Validate() error {
	if c == nil {
		return base.Errorf(base.ClassInvalid, "filter: no operator, want one of %v", operators)
	}
	return nil
}
