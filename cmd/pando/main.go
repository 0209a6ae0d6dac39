// Command pando is one database for traces that
// services emit and keep. Run it without arguments for help.
package main

import (
	"os"

	"github.com/pandodb/pando/internal/cli"
)

func main() {
	os.Exit(cli.Main(cli.Env{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
	}))
}
