package jaegerbadger

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
)

// stateVersion is the version of the state file.
const stateVersion = 1

// state is how far an import has come. Its file has two lines: the JSON of the
// state, and the xxhash of that line in hex.
type state struct {
	Version     int    `json:"version"`
	Fingerprint string `json:"fingerprint"` // of the store
	Target      string `json:"target"`      // the server
	Key         string `json:"key"`         // the last acknowledged one, hex; empty at the beginning
	Counts      Counts `json:"counts"`      // of everything up to the key
}

// after returns the key to go on after, nil at the beginning.
func (s *state) after() ([]byte, error) {
	if s.Key == "" {
		return nil, nil
	}
	return hex.DecodeString(s.Key)
}

// loadState reads a state file. One that is not there is a nil state; one that is
// damaged is an error of class base.ClassCorruption.
func loadState(on vfs.FS, path string) (*state, error) {
	data, err := readFile(on, path, maxState+1)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseState(path, data)
}

// maxState bounds a state file: maxProblems texts of maxProblem bytes, each of which
// JSON may take six for, and a key of 64 KiB in hex.
const maxState = 1 << 20

func parseState(path string, data []byte) (*state, error) {
	line, sum, ok := bytes.Cut(data, []byte("\n"))
	if !ok || len(data) > maxState || string(sum) != stateSum(line) {
		return nil, base.Corruptionf(path, 0, "no state of an import, or a damaged one: its checksum is wrong")
	}
	s := &state{}
	if err := json.Unmarshal(line, s); err != nil {
		return nil, base.Corruptionf(path, 0, "%w", err)
	}
	if s.Version != stateVersion {
		return nil, base.Errorf(base.ClassConflict, "%s has version %d: this program reads version %d", path, s.Version, stateVersion)
	}
	if _, err := s.after(); err != nil {
		return nil, base.Corruptionf(path, 0, "key: %w", err)
	}
	return s, nil
}

func stateSum(line []byte) string { return fmt.Sprintf("%016x\n", xxhash.Sum64(line)) }

// save replaces the state file.
func (s *state) save(on vfs.FS, path string) (err error) {
	line, err := json.Marshal(s)
	if err != nil {
		return err
	}
	data := append(append(line, '\n'), stateSum(line)...)
	temp := path + ".tmp"
	if err := writeFile(on, temp, data); err != nil {
		return err
	}
	if err := on.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(on, on.PathDir(path))
}

func writeFile(on vfs.FS, path string, data []byte) (err error) {
	f, err := on.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	return f.Sync()
}

func syncDir(on vfs.FS, path string) (err error) {
	d, err := on.OpenDir(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	return d.Sync()
}

// outside fails if a path is one of the directories that are read, or lies below
// one.
func outside(path string, dirs ...string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if dir, err = filepath.Abs(dir); err != nil {
			return err
		}
		if within(path, dir) {
			return base.Errorf(base.ClassInvalid, "%s: it may not be in the directory that is read", path)
		}
	}
	return nil
}

// within reports whether a path is a directory or lies below it. Both are
// absolute.
func within(path, dir string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}
