package house

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pandodb/pando/internal/cli"
)

var command = regexp.MustCompile("`pando ([a-z -]+)`")

// TestCommandsAreDocumented compares the README's commands with those of the
// program, both ways.
func TestCommandsAreDocumented(t *testing.T) {
	documented := []string{"help", "completion"} // in the text below the table
	for line := range strings.Lines(section(t, "../../README.md", "## Commands")) {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		for _, m := range command.FindAllStringSubmatch(line, -1) {
			words := strings.Fields(m[1])
			documented = append(documented, words[0])
			if text, code := runCommand(append([]string{"help"}, words...)...); code != 0 || !strings.Contains(text, "pando "+m[1]) {
				t.Errorf("README.md: there is no command pando %s: help answers %d", m[1], code)
			}
		}
	}
	help, _ := runCommand("help")
	_, list, _ := strings.Cut(help, "Available Commands:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	for line := range strings.Lines(list) {
		if name := strings.Fields(line)[0]; !slices.Contains(documented, name) {
			t.Errorf("README.md: command pando %s is not documented", name)
		}
	}
}

func runCommand(args ...string) (stdout string, code int) {
	var out, errs bytes.Buffer
	code = cli.Main(cli.Env{Args: args, Stdout: &out, Stderr: &errs})
	return out.String(), code
}
