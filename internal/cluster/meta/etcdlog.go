package meta

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap/zapcore"
)

// slogCore passes etcd's zap messages of level warn and above to slog. Below
// it is chatter: etcd logs its whole configuration at every start.
type slogCore struct {
	log *slog.Logger
}

// pointless are parts of warnings that do not apply to a lone member nobody
// connects to.
var pointless = []string{
	"Running http and grpc server on single port",
	"simple token is not cryptographically signed",
	// With short elections the first one may come before the member has applied
	// its own membership; the next comes a tenth of a second later.
	"cannot campaign at term",
	// The process was killed in its first seconds, before etcd had noted the
	// version; it does so again after the start.
	"Failed to detect storage schema version",
}

// passing are errors that mean nothing when a member starts or stops.
var passing = []string{
	// The check of the storage version came before the first commit of a new
	// directory; it comes again seconds later.
	"missing term information",
	// A request of etcd to itself was under way when it was closed.
	"etcdserver: request cancelled",
}

func isPassing(f *zapcore.Field) bool {
	err, ok := f.Interface.(error)
	return ok && containsAny(err.Error(), passing)
}

func containsAny(s string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(s, part) })
}

// Enabled implements zapcore.Core.
func (c slogCore) Enabled(l zapcore.Level) bool { return l >= zapcore.WarnLevel }

// With implements zapcore.Core.
func (c slogCore) With(fields []zapcore.Field) zapcore.Core {
	return slogCore{log: slog.New(c.log.Handler().WithAttrs(attrs(fields)))}
}

// Check implements zapcore.Core.
func (c slogCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if !c.Enabled(e.Level) || containsAny(e.Message, pointless) {
		return ce
	}
	return ce.AddCore(e, c)
}

// Write implements zapcore.Core. After a fatal message zap ends the process.
func (c slogCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	for i := range fields {
		if isPassing(&fields[i]) {
			return nil
		}
	}
	level := slog.LevelError
	if e.Level == zapcore.WarnLevel {
		level = slog.LevelWarn
	}
	all := append([]slog.Attr{slog.String("etcd", e.Message)}, attrs(fields)...)
	c.log.LogAttrs(context.Background(), level, "etcd reports", all...)
	return nil
}

// Sync implements zapcore.Core.
func (c slogCore) Sync() error { return nil }

// attrs converts fields to attributes, in the order of their keys.
func attrs(fields []zapcore.Field) []slog.Attr {
	enc := zapcore.NewMapObjectEncoder()
	for i := range fields {
		fields[i].AddTo(enc)
	}
	out := make([]slog.Attr, 0, len(enc.Fields))
	for _, key := range slices.Sorted(maps.Keys(enc.Fields)) {
		out = append(out, slog.Any(key, enc.Fields[key]))
	}
	return out
}
