package replica

import (
	"fmt"
	"log/slog"
)

// raftLogger passes raft's warnings on. What raft calls debug and info is its
// normal life, told better by Status.
type raftLogger struct{ log *slog.Logger }

func (raftLogger) Debug(...any)          {}
func (raftLogger) Debugf(string, ...any) {}
func (raftLogger) Info(...any)           {}
func (raftLogger) Infof(string, ...any)  {}

func (l raftLogger) Warning(v ...any)            { l.warn(fmt.Sprint(v...)) }
func (l raftLogger) Warningf(f string, v ...any) { l.warn(fmt.Sprintf(f, v...)) }
func (l raftLogger) Error(v ...any)              { l.error(fmt.Sprint(v...)) }
func (l raftLogger) Errorf(f string, v ...any)   { l.error(fmt.Sprintf(f, v...)) }

func (l raftLogger) warn(text string)  { l.log.Warn("raft", slog.String("text", text)) }
func (l raftLogger) error(text string) { l.log.Error("raft", slog.String("text", text)) }

// Raft means "end the process" by both; core.step decides whether to.
func (raftLogger) Fatal(v ...any)            { panic(fmt.Sprint(v...)) }
func (raftLogger) Fatalf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
func (raftLogger) Panic(v ...any)            { panic(fmt.Sprint(v...)) }
func (raftLogger) Panicf(f string, v ...any) { panic(fmt.Sprintf(f, v...)) }
