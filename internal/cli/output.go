package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"golang.org/x/text/width"

	"github.com/pandodb/pando/internal/base"
)

// The output formats.
const (
	formatAuto  = "auto"
	formatTable = "table"
	formatTSV   = "tsv"
	formatJSON  = "json"
	formatJSONL = "jsonl"
)

// addFormat adds -o to a command.
func addFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVarP(format, "output", "o", formatAuto, "table, tsv, json or jsonl; auto is table on a terminal and tsv elsewhere")
	complete(cmd, "output", formatTable, formatTSV, formatJSON, formatJSONL)
}

// complete offers fixed values for a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return values, cobra.ShellCompDirectiveNoFileComp
	})
	if err != nil {
		panic(err) // the flag is misspelt: every run would tell
	}
}

// listing is a result in all its forms. Cells of people and of machines differ:
// durations and times are rendered for the former and raw for the latter.
type listing struct {
	head  []string
	human [][]string // rows
	raw   [][]string // rows; nil means as human
	// rawHead names the columns of raw; nil means head in lower case.
	rawHead []string
	title   string // above the table
	doc     any    // the JSON document
	docs    []any  // its rows, for jsonl
	footer  string // below the table
}

// write prints the listing.
func (l *listing) write(w io.Writer, format string) error {
	if format == formatAuto {
		format = formatTSV
		if isTerminal(w) {
			format = formatTable
		}
	}
	switch format {
	case formatTable:
		return l.writeTable(w)
	case formatTSV:
		return l.writeTSV(w)
	case formatJSON:
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		enc.SetEscapeHTML(false)
		return enc.Encode(l.doc)
	case formatJSONL:
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		for _, d := range l.docs {
			if err := enc.Encode(d); err != nil {
				return err
			}
		}
		return nil
	default:
		return base.Errorf(base.ClassInvalid, "output %q: want table, tsv, json or jsonl", format)
	}
}

func (l *listing) writeTSV(w io.Writer) error {
	rows, head := l.raw, l.rawHead
	if rows == nil {
		rows = l.human
	}
	if head == nil {
		head = strings.Split(strings.ToLower(strings.ReplaceAll(strings.Join(l.head, "\t"), " ", "_")), "\t")
	}
	var b strings.Builder
	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(clean(cell))
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (l *listing) writeTable(w io.Writer) error {
	var b strings.Builder
	if l.title != "" {
		b.WriteString(clean(l.title) + "\n")
	}
	rows := append([][]string{l.head}, l.human...)
	widths := make([]int, len(l.head))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], columns(clean(cell)))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			text := clean(cell)
			line.WriteString(text)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-columns(text)+2))
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	if l.footer != "" {
		b.WriteString(clean(l.footer) + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columns returns how many columns of a terminal a text takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		switch k := width.LookupRune(r).Kind(); {
		case unicode.Is(unicode.Mn, r):
		case k == width.EastAsianWide || k == width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}

// clean replaces control characters: names come from anywhere, and a terminal
// obeys what it is told.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// cleanLines is clean for texts of several lines.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = clean(lines[i])
	}
	return strings.Join(lines, "\n")
}

// isTerminal reports whether w is a character device, which a terminal is.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// humanDuration renders nanoseconds with three significant digits, and whole
// seconds from a minute on.
func humanDuration(ns int64) string {
	d := time.Duration(ns)
	if d >= time.Minute {
		return d.Round(time.Second).String()
	}
	for _, unit := range []time.Duration{time.Second, time.Millisecond, time.Microsecond} {
		if d >= 100*unit {
			return d.Round(unit).String()
		}
		if d >= 10*unit {
			return d.Round(unit / 10).String()
		}
		if d >= unit {
			return d.Round(unit / 100).String()
		}
	}
	return d.String()
}

// humanBytes renders a size with three significant digits.
func humanBytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n)/1000, 0
	for v >= 999.5 && unit < len(byteUnits)-1 {
		v, unit = v/1000, unit+1
	}
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f %cB", v, byteUnits[unit])
	case v < 100:
		return fmt.Sprintf("%.1f %cB", v, byteUnits[unit])
	default:
		return fmt.Sprintf("%.0f %cB", v, byteUnits[unit])
	}
}

const byteUnits = "kMGTPE"
