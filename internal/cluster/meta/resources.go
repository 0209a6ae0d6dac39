package meta

import (
	"context"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// CreateResource declares a resource in the group of the name; r.Group is not
// looked at. It returns the resource as stored. Errors: invalid, not found,
// conflict if the name is taken in the group, too large beyond the limit of
// resources, ErrNotLeader.
func (c *Catalog) CreateResource(ctx context.Context, group string, r catalog.Resource) (catalog.Resource, error) {
	return c.createResource(ctx, group, r, false)
}

// EnsureResource returns the resource of r's name in the group, creating it like
// CreateResource if it is missing. A resource that exists is returned as it is.
// Any catalog may ensure what exists.
func (c *Catalog) EnsureResource(ctx context.Context, group string, r catalog.Resource) (catalog.Resource, error) {
	if old, err := c.View().Resource(group, r.Name); err == nil {
		return old, nil
	}
	return c.createResource(ctx, group, r, true)
}

func (c *Catalog) createResource(ctx context.Context, group string, r catalog.Resource, mayExist bool) (catalog.Resource, error) {
	if err := r.Validate(); err != nil {
		return catalog.Resource{}, err
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		g, err := v.groupByName(group)
		if err != nil {
			return err
		}
		if _, exists := g.resources.get(r.Name); exists {
			if mayExist {
				return nil
			}
			return base.Errorf(base.ClassConflict, "resource %q exists in group %q", r.Name, group)
		}
		if v.resources.size >= c.opts.MaxResources {
			return base.Errorf(base.ClassTooLarge, "there are %d resources, the limit is %d", v.resources.size, c.opts.MaxResources)
		}
		r.ID = base.ResourceID(t.allocate(v, SpaceResources, 1))
		r.Group = g.group.ID
		t.put(resourceKey(r.ID), 0, r)
		return nil
	})
	if err != nil {
		return catalog.Resource{}, err
	}
	return v.Resource(group, r.Name)
}

// UpdateResource replaces the Spec of a resource. r.ID names it and r.Revision
// must be that of the resource as the caller read it, or the error is
// ErrCompare. It returns the resource as stored.
func (c *Catalog) UpdateResource(ctx context.Context, r catalog.Resource) (catalog.Resource, error) {
	if err := r.Validate(); err != nil {
		return catalog.Resource{}, err
	}
	v, err := c.write(ctx, func(v *View, t *txn) error {
		old, err := v.ResourceByID(r.ID)
		if err != nil {
			return err
		}
		if old.Revision != r.Revision {
			return ErrCompare
		}
		if old.Name != r.Name || old.Group != r.Group {
			return base.Errorf(base.ClassConflict, "resource %q: name and group are fixed at creation", old.Name)
		}
		t.put(resourceKey(r.ID), r.Revision, r)
		return nil
	})
	if err != nil {
		return catalog.Resource{}, err
	}
	return v.ResourceByID(r.ID)
}

// DeleteResource removes a resource. Its ID is not used again, so that data
// which still carries it belongs to nobody and goes with retention or a merge.
func (c *Catalog) DeleteResource(ctx context.Context, group, name string) error {
	_, err := c.write(ctx, func(v *View, t *txn) error {
		r, err := v.Resource(group, name)
		if err != nil {
			return err
		}
		t.remove(resourceKey(r.ID), r.Revision)
		return nil
	})
	return err
}
