package cli

import (
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
)

// instant is a flag value: a moment in Unix nanoseconds, zero if not given.
type instant struct{ nanos *int64 }

// instantForms are tried in order; those without a zone mean UTC.
var instantForms = []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02"}

// Set reads Unix nanoseconds or one of the forms.
func (v instant) Set(s string) error {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n > 0 {
		*v.nanos = n
		return nil
	}
	for _, form := range instantForms {
		if t, err := time.Parse(form, s); err == nil && t.Year() >= 1970 && t.Year() < 2262 {
			*v.nanos = t.UnixNano()
			return nil
		}
	}
	return base.Errorf(base.ClassInvalid, "want RFC 3339, such as 2026-11-20T14:00:00Z, or Unix nanoseconds")
}

// String renders the moment, "" for none.
func (v instant) String() string {
	if v.nanos == nil || *v.nanos == 0 {
		return ""
	}
	return time.Unix(0, *v.nanos).UTC().Format(time.RFC3339Nano)
}

// Type names the value in help.
func (v instant) Type() string { return "time" }

// addBase adds the flag for when a made-up load begins.
func addBase(cmd *cobra.Command, nanos *int64) {
	cmd.Flags().Var(instant{nanos}, "base", "when the first trace starts; default two to three hours ago, at a whole hour")
}
