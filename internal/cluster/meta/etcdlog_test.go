package meta

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"

	"go.uber.org/zap"
)

func TestEtcdLogBridge(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelDebug,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	z := zap.New(slogCore{log: log})
	z.Info("starting an etcd server", zap.String("name", "x"))
	z.Warn("simple token is not cryptographically signed")
	z.Warn("Failed to detect storage schema version. Please wait till wal snapshot before upgrading cluster.")
	z.Error("failed to update storage version", zap.Error(errors.New("cannot detect: missing term information")))
	z.Warn("slow fdatasync", zap.Int("ms", 1200), zap.String("a", "b c"))
	z.With(zap.String("member", "m")).Error("failed", zap.Error(errors.New("disk full")))
	if err := z.Sync(); err != nil {
		t.Error(err)
	}
	want := `level=WARN msg="etcd reports" etcd="slow fdatasync" a="b c" ms=1200
level=ERROR msg="etcd reports" member=m etcd=failed error="disk full"
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
