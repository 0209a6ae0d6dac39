package part

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"slices"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/column"
	"github.com/pandodb/pando/internal/index"
)

// defaultBlockRows is the aim for rows per block where the layout has none.
const defaultBlockRows = 1024

// tmpSuffix ends the name of the directory that a part is written under.
// Whoever opens a directory of parts removes what still has it.
const tmpSuffix = ".tmp"

// WriterOptions say where and what to write. FS, Dir, ID and Layout must be
// set.
type WriterOptions struct {
	FS vfs.FS
	// Dir is the part's final directory, which must not exist. Its parent must.
	Dir    string
	Tablet base.TabletID // whose part it is, mixed into every checksum
	ID     base.PartID
	Layout *column.Layout
	// Wide writes columns to a file per family, so that a reader of few columns
	// reads few bytes: for large parts. Otherwise all pages of a block are
	// adjacent, and the writer keeps the encoded pages in memory until Finish:
	// for small ones.
	Wide bool
	// BlockRows, when positive, is the aim for rows per block instead of the
	// layout's: fewer where rows are large, since a reader holds a block.
	BlockRows int
}

func (o *WriterOptions) validate() error {
	if o.FS == nil || o.Dir == "" || o.ID == 0 || o.Layout == nil {
		return base.Errorf(base.ClassBug, "part writer needs a file system, directory, id and layout")
	}
	if err := o.Layout.Validate(); err != nil {
		return base.Mark(base.ClassInvalid, err)
	}
	if o.Layout.BlockRows < 0 || o.Layout.BlockRows > maxBlockRows/2 {
		return base.Errorf(base.ClassInvalid, "layout %s: %d rows per block, at most %d",
			o.Layout.Name, o.Layout.BlockRows, maxBlockRows/2)
	}
	for i, f := range o.Layout.Families {
		twice := slices.ContainsFunc(o.Layout.Families[:i], func(g column.Family) bool { return g.Name == f.Name })
		if twice || !fileName.MatchString(f.Name+familySuffix) {
			return base.Errorf(base.ClassInvalid, "layout %s: family %q names no file of its own", o.Layout.Name, f.Name)
		}
	}
	_, err := o.FS.Stat(o.Dir)
	if err == nil {
		return base.Errorf(base.ClassConflict, "part directory %s exists", o.Dir)
	}
	if !errors.Is(err, iofs.ErrNotExist) {
		return err
	}
	return nil
}

// writerState is the phase of a writer. Phases only advance.
type writerState uint8

const (
	stateRows writerState = iota // AddRows
	stateColumns
	stateColumn // a column is open
	stateDone   // finished, aborted or failed
)

// Writer writes one part: first all rows' identity, then every column once,
// ascending. The same input gives the same bytes. A writer is used by one
// goroutine. Every writer ends with Finish or Abort; after an error only Abort
// is of use.
type Writer struct {
	o     WriterOptions
	tmp   string
	state writerState

	cut       cutter
	ident     identityEncoder
	meta      meta
	dir       directory
	keyHashes []uint64
	minKey    []byte
	lastKey   []byte
	ids       []uint64 // of all rows; only where a column refers to ids
	runs      [][]uint32

	files    []FileMeta
	open     []*fileWriter // not finished, closed by Abort
	index    *fileWriter
	filter   *fileWriter
	pages    pageSink
	presence presence
	column   ColumnWriter
	lastID   column.ID
	buf      []byte
	postings index.PostingsWriter
}

// NewWriter creates the part's temporary directory, Dir+".tmp", replacing what
// a crash left there.
func NewWriter(o WriterOptions) (*Writer, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	w := &Writer{o: o, tmp: o.Dir + tmpSuffix}
	w.cut = cutter{aim: o.Layout.BlockRows, emit: w.addBlock}
	if o.BlockRows > 0 {
		w.cut.aim = min(o.BlockRows, maxBlockRows/2)
	}
	if w.cut.aim == 0 {
		w.cut.aim = defaultBlockRows
	}
	if err := w.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("create part %s: %w", o.Dir, err), w.Abort())
	}
	return w, nil
}

// create makes the directory and the files that are written as the input comes.
func (w *Writer) create() error {
	if err := w.o.FS.RemoveAll(w.tmp); err != nil {
		return err
	}
	if err := w.o.FS.MkdirAll(w.tmp, 0o700); err != nil {
		return err
	}
	var err error
	if w.index, err = w.createFile(indexName, kindIndex, 0); err != nil {
		return err
	}
	if w.filter, err = w.createFile(filterName, kindFilter, 0); err != nil {
		return err
	}
	if w.o.Wide {
		w.pages, err = newWideSink(w)
		return err
	}
	w.pages = &packedSink{w: w}
	return nil
}

func (w *Writer) createFile(name string, kind fileKind, family uint8) (*fileWriter, error) {
	ident := fileIdent{tablet: w.o.Tablet, part: w.o.ID, kind: kind, family: family}
	f, err := createFile(w.o.FS, w.tmp, name, ident)
	if err == nil {
		w.open = append(w.open, f)
	}
	return f, err
}

// finishFile makes the file durable and enters it in the list of files.
func (w *Writer) finishFile(f *fileWriter) error {
	m, err := f.finish()
	w.files = append(w.files, m)
	w.open = slices.DeleteFunc(w.open, func(o *fileWriter) bool { return o == f })
	return err
}

// AddRows adds the identity of further rows, sorted by (key, time, id) over all
// calls. The first key may be the last key of the call before: its run
// continues. Rows out of order are refused. The writer keeps no reference.
func (w *Writer) AddRows(id *column.Identity) error {
	if w.state != stateRows {
		return base.Errorf(base.ClassBug, "AddRows after FinishRows")
	}
	if len(id.Times) > maxRows-w.meta.rows-w.cut.held.Rows() {
		return base.Errorf(base.ClassTooLarge, "part of more than %d rows", maxRows)
	}
	return w.cut.add(id)
}

// FinishRows fixes the block boundaries; columns may be added from now on. A
// part has at least one row.
func (w *Writer) FinishRows() error {
	if w.state != stateRows {
		return base.Errorf(base.ClassBug, "FinishRows called twice")
	}
	if err := w.cut.finish(); err != nil {
		return err
	}
	if w.meta.rows == 0 {
		return base.Errorf(base.ClassBug, "part without rows")
	}
	w.cut.held = column.Identity{}
	w.state = stateColumns
	return nil
}

// addBlock writes the identity page of a block and enters the block in the
// skipping index.
func (w *Writer) addBlock(id *column.Identity) error {
	n := id.Keys.Len()
	first, last := id.Keys.Value(0), id.Keys.Value(uint32(n-1))
	b := blockMeta{
		firstRow: uint32(w.meta.rows), rows: uint32(id.Rows()),
		minTime: slices.Min(id.Times), maxTime: slices.Max(id.Times),
	}
	separator := first
	keys := 0
	switch {
	case len(w.meta.blocks) == 0:
		separator, w.minKey = nil, slices.Clone(first)
	case string(first) == string(w.lastKey):
		b.continues, keys = true, 1
	default:
		separator = first[:sharedPrefix(first, w.lastKey)+1]
	}
	for ; keys < n; keys++ {
		w.keyHashes = append(w.keyHashes, column.HashTerm(id.Keys.Value(uint32(keys))))
	}
	w.lastKey = append(w.lastKey[:0], last...)
	w.meta.seps.Append(separator)
	w.meta.rows += id.Rows()
	w.meta.blocks = append(w.meta.blocks, b)
	w.keepIDs(id)
	w.buf = w.ident.append(w.buf[:0], id)
	return w.pages.identity(w.buf)
}

// keepIDs remembers the ids where a column of the layout refers to them.
func (w *Writer) keepIDs(id *column.Identity) {
	if !slices.ContainsFunc(w.o.Layout.Columns, func(s column.Spec) bool { return s.Codec == column.CodecIDRef }) {
		return
	}
	w.ids = append(w.ids, id.IDs...)
	w.runs = append(w.runs, runBounds(nil, id.Runs))
}

// runBounds appends the first row of every run and, at the end, the number of
// rows.
func runBounds(dst, runs []uint32) []uint32 {
	at := uint32(0)
	dst = append(dst, 0)
	for _, r := range runs {
		at += r
		dst = append(dst, at)
	}
	return dst
}

// Column begins the next column. IDs come ascending, each at most once; the
// column before must be closed. A column that gets no value is left out.
func (w *Writer) Column(id column.ID) (*ColumnWriter, error) {
	switch {
	case w.state != stateColumns:
		return nil, base.Errorf(base.ClassBug, "column %v begun in state %d", id, w.state)
	case !id.Type.Valid() || int(id.Family) >= len(w.o.Layout.Families):
		return nil, base.Errorf(base.ClassInvalid, "column %v: no such type or family", id)
	case w.lastID.Type.Valid() && w.lastID.Compare(id) >= 0:
		return nil, base.Errorf(base.ClassBug, "column %v is not after %v", id, w.lastID)
	}
	if id.Family != w.lastID.Family || !w.lastID.Type.Valid() {
		w.presence.reset(len(w.meta.blocks))
	}
	w.lastID = id
	w.state = stateColumn
	w.column.reset(w, id)
	return &w.column, nil
}
