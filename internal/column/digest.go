package column

import (
	"errors"
	"fmt"
)

// Digest asks that every part keeps one summary of its rows: counts that queries
// would otherwise have to read rows for. What it holds is the model's own; the
// engine keeps its bytes, asks for it where a part has none, and finds the rows in
// other places that it refers to.
type Digest struct {
	Name string // persisted; sorts after every projection's name
	// Columns are what folding reads beside the identity, ascending.
	Columns []ID
	// New returns a folder that holds nothing.
	New func() DigestFolder
	// Decode returns the digest that a folder appended. It accepts any bytes:
	// damage is a base.ClassCorruption error, one with ErrDigestVersion in its chain if
	// the digest is of another version.
	Decode func(src []byte) (any, error)
	// Refs returns the rows that the digest refers to without having them,
	// ascending by key. Nil if digests refer to nothing.
	Refs func(digest any) []RowRef
	// Target is the column of such a row that readers need.
	Target ID
}

// ErrDigestVersion is the error for a digest that another version of the model has
// appended. It is as good as none: the rows are there.
var ErrDigestVersion = errors.New("digest of another version")

// RowRef names rows by key and id, whatever their time.
type RowRef struct {
	Key []byte
	ID  uint64
}

// DigestFolder builds a digest. It is used by one goroutine.
type DigestFolder interface {
	// Add folds in rows, which come in order over all calls; a key may go on in
	// the next call. The batch is not kept.
	Add(b *Batch) error
	// Append appends the digest's bytes, the same for the same rows, and ends the
	// folder's use.
	Append(dst []byte) []byte
}

// validateDigest reports what is wrong with the layout's digest.
func (l *Layout) validateDigest() error {
	d := l.Digest
	if d == nil {
		return nil
	}
	if d.New == nil || d.Decode == nil {
		return fmt.Errorf("layout %s: digest %q lacks its functions", l.Name, d.Name)
	}
	if n := len(l.Projections); d.Name == "" || n > 0 && l.Projections[n-1].Name >= d.Name {
		return fmt.Errorf("layout %s: digest %q: want a name after those of the projections", l.Name, d.Name)
	}
	var errs []error
	for i := 1; i < len(d.Columns); i++ {
		if d.Columns[i-1].Compare(d.Columns[i]) >= 0 {
			errs = append(errs, fmt.Errorf("layout %s: digest %q: column %v is not after %v", l.Name, d.Name, d.Columns[i], d.Columns[i-1]))
		}
	}
	return errors.Join(errs...)
}
