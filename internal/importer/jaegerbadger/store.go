package jaegerbadger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/pandodb/pando/internal/base"
)

// Why badger cannot open a directory. Open's errors wrap them.
var (
	// ErrInUse: another process, Jaeger, has it open for writing.
	ErrInUse = errors.New("another process is using the directory")
	// ErrUnclean: Jaeger did not close it; the end of badger's log must be cut.
	ErrUnclean = errors.New("the directory was not closed cleanly")
	// ErrFormat: it was written by a badger whose format this one cannot read.
	ErrFormat = errors.New("the directory has another format of badger")
	// ErrNoStore: there is no badger here.
	ErrNoStore = errors.New("no badger store")
)

// Options says where a store is.
type Options struct {
	// Values is the directory of badger's value log. Required.
	Values string
	// Keys is the directory of badger's manifest and tables. Empty means Values,
	// or, when Values only holds directories keys and values, those.
	Keys string
	// RepairIn names a directory that is not there yet, or empty. If the store
	// was not closed cleanly, it is copied there, and the copy repaired and read.
	// Empty means ErrUnclean instead.
	RepairIn string
}

// Store is an open badger directory. It is safe for concurrent use.
type Store struct {
	db          *badger.DB
	keys        string
	values      string
	fingerprint uint64
}

const manifestName = "MANIFEST"

// Open opens a store. The directories are not changed.
func Open(o Options) (*Store, error) {
	keys, values, err := locate(&o)
	if err != nil {
		return nil, err
	}
	s := &Store{keys: keys, values: values}
	if s.fingerprint, err = fingerprint(keys, values); err != nil {
		return nil, err
	}
	s.db, err = openBadger(keys, values, true)
	if errors.Is(err, ErrUnclean) && o.RepairIn != "" {
		if keys, values, err = copyStore(keys, values, o.RepairIn); err != nil {
			return nil, err
		}
		s.db, err = openBadger(keys, values, false)
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close releases the directory.
func (s *Store) Close() error { return s.db.Close() }

// Dirs returns the directories of keys and values that were opened, not those of
// a repaired copy.
func (s *Store) Dirs() (keys, values string) { return s.keys, s.values }

// Fingerprint tells this content of the directories from any other.
func (s *Store) Fingerprint() uint64 { return s.fingerprint }

// locate returns the directories of keys and of values.
func locate(o *Options) (keys, values string, err error) {
	fs := vfs.Default
	has := func(dir string) bool {
		_, err := fs.Stat(fs.PathJoin(dir, manifestName))
		return err == nil
	}
	below := fs.PathJoin(o.Values, "keys")
	switch {
	case o.Keys != "" && has(o.Keys):
		return o.Keys, o.Values, nil
	case o.Keys != "":
		return "", "", base.Errorf(base.ClassNotFound, "%w in %s: there is no file %s", ErrNoStore, o.Keys, manifestName)
	case has(o.Values):
		return o.Values, o.Values, nil
	case has(below):
		return below, fs.PathJoin(o.Values, "values"), nil
	default:
		return "", "", base.Errorf(base.ClassNotFound, "%w in %s: there is no file %s, nor a directory keys with one", ErrNoStore, o.Values, manifestName)
	}
}

// fingerprint hashes the manifest, and names and sizes of the other files.
func fingerprint(keys, values string) (uint64, error) {
	fs, h := vfs.Default, xxhash.New()
	manifest, err := readFile(fs, fs.PathJoin(keys, manifestName), math.MaxInt64)
	if err != nil {
		return 0, err
	}
	_, _ = h.Write(manifest) // never fails
	dirs := []string{keys, values}
	if keys == values {
		dirs = dirs[:1]
	}
	for _, dir := range dirs {
		names, err := storeFiles(dir)
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			info, err := fs.Stat(fs.PathJoin(dir, name))
			if err != nil {
				return 0, err
			}
			_, _ = fmt.Fprintf(h, "%s %d\n", name, info.Size()) // never fails
		}
	}
	return h.Sum64(), nil
}

const (
	blockCache = 32 << 20
	// mismatch is what badger says when it leaves out a damaged table.
	mismatch = "Ignoring table"
)

func openBadger(keys, values string, readOnly bool) (*badger.DB, error) {
	log := &listener{}
	o := badger.DefaultOptions(keys).WithValueDir(values).WithReadOnly(readOnly).WithLogger(log).
		WithBlockCacheSize(blockCache).WithMetricsEnabled(false).
		WithChecksumVerificationMode(options.OnTableRead).WithVerifyValueChecksum(true)
	db, err := badger.Open(o)
	if err != nil {
		return nil, classify(keys, err)
	}
	if said := log.find(mismatch); said != "" {
		err := base.Errorf(base.ClassCorruption, "%s: badger leaves out a damaged table: %s", keys, said)
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// classify tells the reasons apart for which badger does not open. It has error
// values for one of them only; for the others the text decides.
func classify(dir string, err error) error {
	text := err.Error()
	switch {
	case strings.Contains(text, badger.ErrTruncateNeeded.Error()):
		return base.Errorf(base.ClassConflict, "%s: %w", dir, ErrUnclean)
	case strings.Contains(text, "Cannot acquire directory lock"):
		return base.Errorf(base.ClassConflict, "%s: %w", dir, ErrInUse)
	case strings.Contains(text, "unsupported version"):
		first, _, _ := strings.Cut(text, "\n")
		return base.Errorf(base.ClassConflict, "%s: %w: %s", dir, ErrFormat, first)
	case strings.Contains(strings.ToLower(text), "checksum"), strings.Contains(text, "bad magic"):
		return base.Errorf(base.ClassCorruption, "%s: %w", dir, err)
	default:
		return fmt.Errorf("open badger in %s: %w", dir, err)
	}
}

// listener keeps what badger complains about.
type listener struct {
	mu    sync.Mutex
	lines []string
}

// Errorf implements badger.Logger.
func (l *listener) Errorf(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) < maxProblems {
		l.lines = append(l.lines, strings.TrimSpace(fmt.Sprintf(format, args...)))
	}
}

// Warningf implements badger.Logger.
func (l *listener) Warningf(string, ...any) {}

// Infof implements badger.Logger.
func (l *listener) Infof(string, ...any) {}

// Debugf implements badger.Logger.
func (l *listener) Debugf(string, ...any) {}

// find returns the first complaint that contains the text.
func (l *listener) find(text string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, text) {
			return line
		}
	}
	return ""
}

// each calls visit with batches of the spans' entries in key order, beginning
// after a key; nil is the beginning. It ends with the first error, or ctx.
func (s *Store) each(ctx context.Context, after []byte, visit func(*batch) error) error {
	return s.db.View(func(txn *badger.Txn) error {
		o := badger.DefaultIteratorOptions
		o.Prefix = []byte{spanPrefix}
		it := txn.NewIterator(o)
		defer it.Close()
		seek := o.Prefix
		if after != nil {
			seek = append(bytes.Clone(after), 0)
		}
		b, last := &batch{}, after
		for it.Seek(seek); it.Valid(); it.Next() {
			e := read(it.Item())
			if last == nil || traceOf(e.key) != traceOf(last) {
				b.traces++
			}
			last = e.key
			b.entries = append(b.entries, e)
			b.bytes += len(e.key) + len(e.value)
			if !b.full() {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := visit(b); err != nil {
				return err
			}
			b = &batch{seq: b.seq + 1}
		}
		if err := ctx.Err(); err != nil || len(b.entries) == 0 {
			return err
		}
		return visit(b)
	})
}

func read(item *badger.Item) entry {
	e := entry{key: item.KeyCopy(nil), meta: item.UserMeta()}
	if e.value, e.err = item.ValueCopy(nil); e.err != nil {
		e.err = base.Errorf(base.ClassCorruption, "read the value: %w", e.err)
	}
	return e
}
