package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"
)

// untilWelcome ends a demo once it has said what to do next.
type untilWelcome struct {
	bytes.Buffer
	end context.CancelFunc
}

func (w *untilWelcome) Write(p []byte) (int, error) {
	n, err := w.Buffer.Write(p)
	if strings.Contains(w.String(), "Stop: Ctrl-C") {
		w.end()
	}
	return n, err
}

func TestDemoSaysWhichPortsItOpened(t *testing.T) {
	if testing.Short() {
		t.Skip("fills in most of an hour")
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	out := &untilWelcome{end: end}
	root := newRoot(&Env{Stdout: out, Stderr: &bytes.Buffer{}})
	root.SetArgs([]string{"demo", "--listen", "127.0.0.1:0", "--history", (45 * time.Minute).String(), "--no-aliases", "--no-open"})
	if err := root.ExecuteContext(ctx); err != nil {
		t.Fatal(err)
	}
	if want := "\n  also      no well-known port\n"; !strings.Contains(out.String(), want) {
		t.Errorf("the welcome lacks %q:\n%s", want, out)
	}
}
