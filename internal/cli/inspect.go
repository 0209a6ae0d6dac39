package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/spf13/cobra"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/manifest"
	"github.com/pandodb/pando/internal/part"
	"github.com/pandodb/pando/internal/wal"
)

func newInspect(*Env) *cobra.Command {
	return group("inspect", "Look into files of a data directory; none is changed", newInspectPart(), newInspectManifest(), newInspectLog())
}

func newInspectPart() *cobra.Command {
	var format string
	var dump, noVerify bool
	cmd := &cobra.Command{
		Use: "part DIR", Short: "Check a part and list its columns", Args: cobra.ExactArgs(1),
		Long: `Read every byte of a part and check it, then list its columns. With --dump everything it
holds is printed with its meaning, which for a large part is very long. Exit code 6 names
the first damage.`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			dir := args[0]
			if err := mustExist(dir); err != nil {
				return err
			}
			if dump {
				return part.Dump(vfs.Default, dir, cmd.OutOrStdout())
			}
			if !noVerify {
				if err := part.Verify(vfs.Default, dir); err != nil {
					return err
				}
			}
			l, err := listPart(dir)
			if err != nil {
				return err
			}
			return l.write(cmd.OutOrStdout(), format)
		}),
	}
	addFormat(cmd, &format)
	cmd.Flags().BoolVar(&dump, "dump", false, "print every byte with its meaning")
	cmd.Flags().BoolVar(&noVerify, "no-verify", false, "list only")
	return cmd
}

// mustExist keeps "not found" apart from damage.
func mustExist(path string) error {
	if _, err := os.Stat(path); err != nil {
		return base.Mark(base.ClassNotFound, err)
	}
	return nil
}

// columnDoc is a column of a part; the JSON names are stable.
type columnDoc struct {
	Family   string `json:"family"`
	Name     string `json:"name"`
	Type     string `json:"type"`
	Mode     string `json:"mode"`
	Values   int    `json:"values"`
	Distinct int    `json:"distinct"` // zero for raw columns, where it is not known
	Indexed  bool   `json:"indexed"`
}

func listPart(dir string) (l *listing, err error) {
	p, err := part.Open(part.OpenOptions{FS: vfs.Default, Dir: dir, Cache: part.NewCache(1 << 20)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	m := p.Meta()
	l = &listing{
		head: []string{"FAMILY", "COLUMN", "TYPE", "MODE", "VALUES", "DISTINCT", "INDEXED"},
		title: fmt.Sprintf("part %d of tablet %d: %d rows of %d keys in %d blocks, %s, %s to %s", m.ID, m.Tablet, m.Rows, m.Keys, m.Blocks,
			humanBytes(m.Bytes), moment(m.Time.Start), moment(m.Time.End)),
	}
	all := make([]columnDoc, 0, m.Columns)
	for _, c := range p.Columns() {
		d := columnDoc{
			Family: m.Families[c.ID.Family], Name: c.ID.Name, Type: c.ID.Type.String(), Mode: c.Mode.String(),
			Values: c.Values, Distinct: c.Distinct, Indexed: c.Indexed,
		}
		all = append(all, d)
		l.docs = append(l.docs, d)
		l.human = append(l.human, []string{
			d.Family, d.Name, d.Type, d.Mode, strconv.Itoa(d.Values), strconv.Itoa(d.Distinct), strconv.FormatBool(d.Indexed),
		})
	}
	l.doc = map[string]any{
		"part": m.ID, "tablet": m.Tablet, "layout": m.Layout, "wide": m.Wide, "rows": m.Rows, "keys": m.Keys, "blocks": m.Blocks,
		"bytes": m.Bytes, "start_unix_nano": strconv.FormatInt(m.Time.Start, 10), "end_unix_nano": strconv.FormatInt(m.Time.End, 10),
		"columns": all,
	}
	return l, nil
}

func moment(nanos int64) string { return time.Unix(0, nanos).UTC().Format(timeForm) }

func newInspectManifest() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use: "manifest FILE", Short: "Check a tablet's manifest (.snp) and list its live parts", Args: cobra.ExactArgs(1),
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if err := mustExist(args[0]); err != nil {
				return err
			}
			s, err := manifest.Read(vfs.Default, args[0])
			if err != nil {
				return err
			}
			return listManifest(s).write(cmd.OutOrStdout(), format)
		}),
	}
	addFormat(cmd, &format)
	return cmd
}

func listManifest(s *manifest.Snapshot) *listing {
	l := &listing{
		head:  []string{"SEGMENT", "PART", "LEVEL", "ROWS", "BYTES", "FROM", "TO", "STATE"},
		title: fmt.Sprintf("epoch %d, flushed up to log index %d, term %d", s.Epoch, s.Flushed.Index, s.Flushed.Term),
		doc:   s,
	}
	add := func(segment int64, p *manifest.Part, state string) {
		l.human = append(l.human, []string{
			moment(segment), strconv.FormatUint(uint64(p.ID), 10), strconv.Itoa(p.Level), strconv.Itoa(p.Rows),
			humanBytes(p.Bytes), moment(p.Start), moment(p.End), state,
		})
		l.raw = append(l.raw, []string{
			strconv.FormatInt(segment, 10), strconv.FormatUint(uint64(p.ID), 10), strconv.Itoa(p.Level), strconv.Itoa(p.Rows),
			strconv.FormatInt(p.Bytes, 10), strconv.FormatInt(p.Start, 10), strconv.FormatInt(p.End, 10), state,
		})
		l.docs = append(l.docs, struct {
			*manifest.Part
			Segment int64  `json:"segment"`
			State   string `json:"state"`
		}{p, segment, state})
	}
	for i := range s.Segments {
		for k := range s.Segments[i].Parts {
			add(s.Segments[i].Start, &s.Segments[i].Parts[k], "live")
		}
	}
	for i := range s.Quarantined {
		add(s.Quarantined[i].Segment, &s.Quarantined[i].Part, "set aside: "+s.Quarantined[i].Reason)
	}
	return l
}

func newInspectLog() *cobra.Command {
	var format string
	var limit int
	cmd := &cobra.Command{
		Use: "log DIR", Short: "Check the write-ahead log and list its records", Args: cobra.ExactArgs(1),
		Long: `List the records of a write-ahead log, oldest first. Its server may be running: then the
end of the list is whatever was written last.`,
		RunE: run(func(cmd *cobra.Command, args []string) error {
			if err := mustExist(args[0]); err != nil {
				return err
			}
			l, err := listLog(args[0], limit)
			if err != nil {
				return err
			}
			return l.write(cmd.OutOrStdout(), format)
		}),
	}
	addFormat(cmd, &format)
	cmd.Flags().IntVarP(&limit, "limit", "n", 1000, "how many records; 0 is all")
	return cmd
}

// recordDoc is a record of the log; the JSON names are stable.
type recordDoc struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Kind   string `json:"kind"`
	Group  uint64 `json:"group"`
	Index  uint64 `json:"index"`
	Term   uint64 `json:"term"`
	Bytes  int    `json:"bytes"`
}

// errEnough ends a visit.
var errEnough = errors.New("enough")

func listLog(dir string, limit int) (*listing, error) {
	l := &listing{head: []string{"FILE", "OFFSET", "KIND", "GROUP", "INDEX", "TERM", "BYTES"}}
	all := []recordDoc{}
	err := wal.Inspect(vfs.Default, dir, func(r wal.Record) error {
		if limit > 0 && len(all) == limit {
			l.footer = "there are more: --limit 0 lists all"
			return errEnough
		}
		d := recordDoc{
			File: vfs.Default.PathBase(r.Path), Offset: r.Offset, Kind: r.Kind.String(), Group: uint64(r.Group),
			Index: r.Index, Term: r.Term, Bytes: len(r.Data),
		}
		all = append(all, d)
		l.docs = append(l.docs, d)
		l.human = append(l.human, []string{
			d.File, strconv.FormatInt(d.Offset, 10), d.Kind, strconv.FormatUint(d.Group, 10),
			strconv.FormatUint(d.Index, 10), strconv.FormatUint(d.Term, 10), strconv.Itoa(d.Bytes),
		})
		return nil
	})
	l.doc = map[string]any{"records": all}
	if errors.Is(err, errEnough) {
		err = nil
	}
	return l, err
}
