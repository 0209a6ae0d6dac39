package selfmon

import (
	"context"
	"log/slog"
	"time"

	"github.com/pandodb/pando/internal/base"
)

// LogEvents returns events that write one log line each. Syncs of the log are
// logged only when they fail: they are as frequent as requests.
func LogEvents(log *slog.Logger) Events {
	l := eventLog{log}
	return Events{
		FlushDone:       l.flushDone,
		MergeDone:       l.mergeDone,
		PartQuarantined: l.partQuarantined,
		SegmentDropped:  l.segmentDropped,
		Stall:           l.stall,
		LogSync:         l.logSync,
		BackgroundError: l.backgroundError,
		TabletOpened:    l.tabletOpened,
		TabletClosed:    l.tabletClosed,
	}
}

type eventLog struct{ log *slog.Logger }

func (l eventLog) write(level slog.Level, msg string, attrs ...slog.Attr) {
	l.log.LogAttrs(context.Background(), level, msg, attrs...) //nolint:sloglint // every caller's message is a constant
}

func tabletAttr(id base.TabletID) slog.Attr { return slog.Uint64("tablet", uint64(id)) }

func (l eventLog) flushDone(e FlushDone) {
	l.write(slog.LevelInfo, "memtable flushed", tabletAttr(e.Tablet), slog.String("part", e.Part.String()),
		slog.Int64("rows", e.Rows), slog.Int64("bytes", e.Bytes), slog.Duration("dur", e.Dur))
}

func (l eventLog) mergeDone(e MergeDone) {
	l.write(slog.LevelInfo, "parts merged", tabletAttr(e.Tablet), slog.String("part", e.Output.String()),
		slog.Int("inputs", len(e.Inputs)), slog.Int("level", e.Level), slog.Int64("rows", e.Rows),
		slog.Int64("bytes_in", e.BytesIn), slog.Int64("bytes", e.BytesOut), slog.Duration("dur", e.Dur))
}

func (l eventLog) partQuarantined(e PartQuarantined) {
	l.write(slog.LevelError, "part quarantined", tabletAttr(e.Tablet), slog.String("part", e.Part.String()),
		slog.Any("err", e.Err))
}

func (l eventLog) segmentDropped(e SegmentDropped) {
	l.write(slog.LevelInfo, "segment dropped", tabletAttr(e.Tablet),
		slog.Time("segment", time.Unix(0, e.Segment.Start).UTC()),
		slog.Int("parts", e.Parts), slog.Int64("bytes", e.Bytes))
}

func (l eventLog) stall(e Stall) {
	l.write(slog.LevelWarn, "writes stalled", tabletAttr(e.Tablet), slog.String("why", e.Why.String()),
		slog.Duration("dur", e.Dur))
}

func (l eventLog) logSync(e LogSync) {
	if e.Err != nil {
		l.write(slog.LevelError, "log sync failed", slog.Int64("bytes", e.Bytes), slog.Duration("dur", e.Dur), slog.Any("err", e.Err))
	}
}

func (l eventLog) backgroundError(e BackgroundError) {
	l.write(slog.LevelWarn, "background work failed", tabletAttr(e.Tablet), slog.String("op", e.Op.String()),
		slog.Any("err", e.Err))
}

func (l eventLog) tabletOpened(e TabletOpened) {
	l.write(slog.LevelInfo, "tablet opened", tabletAttr(e.Tablet), slog.Int("parts", e.Parts),
		slog.Int64("bytes", e.Bytes), slog.Duration("dur", e.Dur))
}

func (l eventLog) tabletClosed(e TabletClosed) {
	l.write(slog.LevelInfo, "tablet closed", tabletAttr(e.Tablet), slog.Duration("dur", e.Dur))
}
