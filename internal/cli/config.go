package cli

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
)

func newConfig(env *Env) *cobra.Command {
	return group("config", "Print or check the configuration", newConfigPrint(env), newConfigCheck(env))
}

func newConfigPrint(env *Env) *cobra.Command {
	var flags configFlags
	var format string
	cmd := &cobra.Command{
		Use: "print", Short: "Print the effective configuration and where each value comes from", Args: cobra.NoArgs,
		Long: `Print every key, its effective value and its source: a flag wins over the environment
(PANDO_ and the key in capitals, such as PANDO_STORAGE_TTL), that over the file, that over
the default.`,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			c, err := flags.load(cmd, env)
			if err != nil {
				return err
			}
			all, err := flags.settings(cmd, env, &c)
			if err != nil {
				return err
			}
			l := listing{head: []string{"KEY", "VALUE", "SOURCE"}, doc: map[string]any{"settings": all}}
			for _, s := range all {
				l.human = append(l.human, []string{s.Key, s.Value, s.Source})
				l.docs = append(l.docs, s)
			}
			return l.write(cmd.OutOrStdout(), format)
		}),
	}
	flags.add(cmd)
	addFormat(cmd, &format)
	return cmd
}

func newConfigCheck(env *Env) *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use: "check", Short: "Check the configuration; exit code 3 when it has problems", Args: cobra.NoArgs,
		RunE: run(func(cmd *cobra.Command, _ []string) error {
			c, err := flags.load(cmd, env)
			if err == nil {
				err = c.Validate()
			}
			if _, unread := errors.AsType[*fs.PathError](err); unread {
				return err // nothing was checked
			}
			out := cmd.OutOrStdout()
			if err != nil {
				_, _ = fmt.Fprintln(out, cleanLines(err.Error())) // the exit code tells, too
				return errProblems
			}
			_, err = fmt.Fprintln(out, "the configuration is valid")
			return err
		}),
	}
	flags.add(cmd)
	return cmd
}
