package cli

import (
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/part"
)

// release is set by the linker in release builds.
var release string

// version returns the release, or what the build knows of where it came from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}

func newVersion(*Env) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "version", Short: "Print the version of this program and of the part format it writes", Args: cobra.NoArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			doc := struct {
				Version    string `json:"version"`
				Go         string `json:"go"`
				Platform   string `json:"platform"`
				PartFormat int    `json:"part_format"`
			}{version(), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, part.FormatVersion}
			l := listing{
				head:  []string{"VERSION", "GO", "PLATFORM", "PART FORMAT"},
				human: [][]string{{doc.Version, doc.Go, doc.Platform, strconv.Itoa(doc.PartFormat)}},
				doc:   doc, docs: []any{doc},
			}
			return l.write(cmd.OutOrStdout(), format)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}
