package cli

import (
	"context"
	"os/exec"
	"runtime"
)

// openBrowser shows the page in the user's browser, if there is a display. It
// does not wait, and a browser that does not open is no error: the address is
// printed.
func openBrowser(ctx context.Context, env *Env, url string) {
	name, args := "xdg-open", []string{url}
	switch runtime.GOOS {
	case "darwin":
		name = "open"
	case "windows":
		name, args = "rundll32", []string{"url.dll,FileProtocolHandler", url}
	default:
		if env.lookup("DISPLAY") == "" && env.lookup("WAYLAND_DISPLAY") == "" {
			return
		}
	}
	cmd := exec.CommandContext(ctx, name, args...)
	if cmd.Start() == nil {
		go func() { _ = cmd.Wait() }() // reaps it
	}
}
