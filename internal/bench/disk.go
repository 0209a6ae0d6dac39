package bench

import (
	"cmp"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

// DiskKind is what the files of one kind take.
type DiskKind struct {
	Kind  string `json:"kind"`
	Files int    `json:"files"`
	Bytes int64  `json:"bytes"`
	// Data says that the kind belongs to the tablets; the rest is log and
	// control plane, which do not grow with the data kept.
	Data bool `json:"data"`
}

// DiskUsage sums the file sizes of a data directory by kind, biggest first.
func DiskUsage(dir string) ([]DiskKind, error) {
	sums := make(map[string]*DiskKind)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		kind, data := fileKind(filepath.ToSlash(rel))
		s, ok := sums[kind]
		if !ok {
			s = &DiskKind{Kind: kind, Data: data}
			sums[kind] = s
		}
		s.Files++
		s.Bytes += info.Size()
		return nil
	})
	out := make([]DiskKind, 0, len(sums))
	for _, s := range sums {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b DiskKind) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), strings.Compare(a.Kind, b.Kind))
	})
	return out, err
}

// fileKind names a file of a data directory by what it holds.
func fileKind(rel string) (kind string, data bool) {
	top, _, nested := strings.Cut(rel, "/")
	name := rel[strings.LastIndexByte(rel, '/')+1:]
	switch {
	case !nested:
		return "other", false
	case top == "log":
		return "write-ahead log", false
	case top == "meta":
		return "control plane", false
	case strings.HasSuffix(name, ".snp"):
		return "manifests", true
	default:
		return name, true // the files of a part have telling names
	}
}

// SumBytes returns the bytes of all kinds, and of those that hold data.
func SumBytes(kinds []DiskKind) (all, data int64) {
	for _, k := range kinds {
		all += k.Bytes
		if k.Data {
			data += k.Bytes
		}
	}
	return all, data
}
