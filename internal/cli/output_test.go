package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/cli/api"
)

func TestTableAlignsWideAndCombiningCharacters(t *testing.T) {
	l := listing{head: []string{"NAME", "N"}, human: [][]string{{"購物車", "1"}, {"cafe\u0301", "2"}, {"plain", "3"}}}
	var b bytes.Buffer
	if err := l.write(&b, formatTable); err != nil {
		t.Fatal(err)
	}
	want := "NAME    N\n購物車  1\ncafe\u0301    2\nplain   3\n"
	if b.String() != want {
		t.Errorf("got\n%swant\n%s", b.String(), want)
	}
}

// Names come from whoever sends spans: they must not steer the terminal.
func TestOutputHasNoControlCharacters(t *testing.T) {
	evil := "a\x1b[2Jb\tc\nd\u009bm"
	l := listing{head: []string{"NAME"}, human: [][]string{{evil}}, title: evil, footer: evil, doc: evil, docs: []any{evil}}
	for _, format := range []string{formatTable, formatTSV, formatJSONL} {
		var b bytes.Buffer
		if err := l.write(&b, format); err != nil {
			t.Fatal(err)
		}
		if i := bytes.IndexFunc(b.Bytes(), func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
			t.Errorf("%s: control character at %d of %q", format, i, b.String())
		}
	}
}

func TestTSVNamesItsColumns(t *testing.T) {
	l := listing{head: []string{"PART FORMAT", "GO"}, human: [][]string{{"1", "2"}}}
	var b bytes.Buffer
	if err := l.write(&b, formatAuto); err != nil || b.String() != "part_format\tgo\n1\t2\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestHumanDuration(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0s", 17: "17ns", 1234: "1.23µs", 12_345: "12.3µs", 123_456: "123µs", 1_500_000: "1.5ms",
		999_999_999: "1s", 61_234_000_000: "1m1s", 3_700_000_000_000: "1h1m40s",
	} {
		if got := humanDuration(ns); got != want {
			t.Errorf("%d ns: %s, want %s", ns, got, want)
		}
	}
}

func TestHumanBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.00 kB", 12_345: "12.3 kB", 999_400: "999 kB", 999_999: "1.00 MB", 7e12: "7.00 TB"} {
		if got := humanBytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestExitCodes(t *testing.T) {
	marked := func(c base.Class) error { return &workError{base.Errorf(c, "x")} }
	for _, c := range []struct {
		err  error
		code int
	}{
		{errors.New("unknown flag"), exitUsage},
		{&workError{errors.New("disk on fire")}, exitFailure},
		{marked(base.ClassInvalid), exitUsage},
		{marked(base.ClassNotFound), exitFailure},
		{marked(base.ClassOverload), exitUnavailable},
		{marked(base.ClassUnavailable), exitUnavailable},
		{marked(base.ClassCorruption), exitCorruption},
		{&workError{errProblems}, exitProblems},
		{&workError{fmt.Errorf("send: %w", context.Canceled)}, exitInterrupted},
		{&workError{context.DeadlineExceeded}, exitUnavailable},
	} {
		if got := outcomeOf(c.err).exit; got != c.code {
			t.Errorf("%v: exit code %d, want %d", c.err, got, c.code)
		}
	}
}

// The server knows better than the command what to do about its own answers.
func TestHintsOfTheServerWin(t *testing.T) {
	said := base.Mark(base.ClassTooLarge, &api.Error{Code: "E_TOO_LARGE", Message: "m", Hint: "ask for less"})
	root := newRoot(&Env{})
	if got := hintOf(root, &workError{withHint(said, "ours")}, outcomeOf(said)); got != "ask for less" {
		t.Errorf("hint %q", got)
	}
	if got := hintOf(root, &workError{withHint(errors.New("x"), "ours")}, outcome{}); got != "ours" {
		t.Errorf("hint %q", got)
	}
}

func TestInstant(t *testing.T) {
	want := time.Date(2026, 11, 20, 14, 0, 0, 0, time.UTC).UnixNano()
	for _, text := range []string{"2026-11-20T14:00:00Z", "2026-11-20T15:00:00+01:00", "2026-11-20T14:00:00", "2026-11-20 14:00:00", "2026-11-20T14:00", fmt.Sprint(want)} {
		var got int64
		if err := (instant{&got}).Set(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "noon", "-5", "1969-01-01", "2300-01-01"} {
		var got int64
		if err := (instant{&got}).Set(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func FuzzInstant(f *testing.F) {
	for _, s := range []string{"2026-11-20T14:00:00Z", "2026-11-20", "1767225600000000000", "2026-11-20T14:00:00.123456789-07:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got, again int64
		if (instant{&got}).Set(s) != nil {
			return
		}
		if err := (instant{&again}).Set((instant{&got}).String()); got != 0 && (err != nil || again != got) {
			t.Errorf("%q is %d, which reads back as %d, %v", s, got, again, err)
		}
	})
}
