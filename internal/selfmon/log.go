package selfmon

import (
	"io"
	"log/slog"
	"os"

	"github.com/pandodb/pando/internal/base"
)

// LogFormat is how log lines are written.
type LogFormat string

// The formats.
const (
	// LogAuto is text if the output is a terminal and JSON if not.
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// LogOptions configures a logger. The zero value writes Info and above to
// nowhere: set Output.
type LogOptions struct {
	// Output takes the lines; each is one Write. Nil discards them.
	Output io.Writer
	// Format of "" is LogAuto.
	Format LogFormat
	// Level is the least level that is written; nil is Info. A *slog.LevelVar
	// changes it while the process runs.
	Level slog.Leveler
}

// NewLogger returns the process's logger. An unknown format is an error of
// class invalid.
func NewLogger(o LogOptions) (*slog.Logger, error) {
	if o.Output == nil {
		return slog.New(slog.DiscardHandler), nil
	}
	handler := &slog.HandlerOptions{Level: o.Level}
	format := o.Format
	if format == "" || format == LogAuto {
		format = LogJSON
		if isTerminal(o.Output) {
			format = LogText
		}
	}
	switch format {
	case LogText:
		return slog.New(slog.NewTextHandler(o.Output, handler)), nil
	case LogJSON:
		return slog.New(slog.NewJSONHandler(o.Output, handler)), nil
	default:
		return nil, base.Errorf(base.ClassInvalid, "log format %q is none of auto, text, json", o.Format)
	}
}

// isTerminal reports whether w is a character device. That counts /dev/null as
// a terminal too, where the format does not matter.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
