package expression

import (
	"os"
	"strings"
	"testing"
)

// page returns the lines of the blocks of a language in docs/api/filters.md.
func page(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/api/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, ok := strings.Cut(string(text), "```"+language+"\n")
	if !ok {
		t.Fatalf("the page has no block of %s", language)
	}
	block, _, _ = strings.Cut(block, "\n```")
	return strings.Split(block, "\n")
}

func TestExamplesOfThePage(t *testing.T) {
	lines := page(t, "filter")
	if len(lines) < 15 {
		t.Errorf("%d examples", len(lines))
	}
	for _, line := range lines {
		c, err := Parse(line)
		if err != nil {
			t.Errorf("Parse(%s): %v", line, err)
			continue
		}
		checkRoundTrips(t, c)
	}
	c, err := ParseJSON([]byte(strings.Join(page(t, "json"), "\n")))
	if err != nil {
		t.Fatal(err)
	}
	checkRoundTrips(t, c)
}

func TestErrorsOfThePage(t *testing.T) {
	lines := page(t, "refused")
	for i := 0; i+1 < len(lines); i += 2 {
		var err error
		if strings.HasPrefix(lines[i], "{") {
			var c *Call
			if c, err = ParseJSON([]byte(lines[i])); err == nil {
				err = c.Validate()
			}
		} else {
			_, err = Parse(lines[i])
		}
		if err == nil || err.Error() != lines[i+1] {
			t.Errorf("%s\n got %v\nwant %s", lines[i], err, lines[i+1])
		}
	}
}

// TestPageNamesTheVocabulary finds every name in the page, in backquotes.
func TestPageNamesTheVocabulary(t *testing.T) {
	text, err := os.ReadFile("../../../docs/api/filters.md")
	if err != nil {
		t.Fatal(err)
	}
	names := append(Operators(), Levels()...)
	names = append(append(names, SpanKinds()...), SpanStatuses()...)
	for _, f := range Fields() {
		names = append(names, f.Name)
	}
	for _, name := range names {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("the page does not name %s", name)
		}
	}
}
