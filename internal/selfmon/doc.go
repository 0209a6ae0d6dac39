// Package selfmon is how Pando watches itself: its logs, its metrics, and the
// typed events from which both are made.
//
//	engine ──FlushDone, MergeDone, ...──► Events ─┬─► LogEvents      slog
//	                                     (funcs)  ├─► Metrics.Events Prometheus
//	                                              └─► a test's own recorder
//
// The engine reports what happened once, as a value with fields. It neither
// formats log lines nor knows metrics, and a test asserts on the value itself.
//
// Rules:
//
//   - Nothing is global: loggers and registries are handed in.
//   - Log messages are constant; what varies is in attributes, whose keys come
//     from a short list: tablet, part, segment, group, level, bytes, rows, dur,
//     err. Error means a human must act, Warn that service is degraded, Info is
//     the life cycle, Debug is off.
//   - Metric names follow Prometheus: prefix pando_, base units (bytes, seconds,
//     ratios), _total for counters. No metric has a tablet, group or resource
//     label: those sets grow with the user's data. Per-tablet values are summed
//     before export (see TabletStats).
//   - Event functions run on the goroutine that reports. They must not block
//     and must not call back into the engine.
//
// Start reading at event.go.
package selfmon
