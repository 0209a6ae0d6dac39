package part

// pageSink takes the pages of blocks: all identity pages in block order, then
// every column's pages in block order.
type pageSink interface {
	identity(payload []byte) error
	// column says that the next pages are those of a column of the family.
	column(family uint8) error
	// page takes the page of the column that was begun last.
	page(block int, payload []byte) error
	finish() error
}

// wideSink writes identity pages to timestamps.bin and every family's pages to
// a file of the family, as they come.
type wideSink struct {
	w      *Writer
	times  *fileWriter
	family *fileWriter // of the current column's family; nil before the first
}

func newWideSink(w *Writer) (*wideSink, error) {
	f, err := w.createFile(timestampsName, kindTimestamps, 0)
	return &wideSink{w: w, times: f}, err
}

func (s *wideSink) identity(payload []byte) error {
	ref, err := s.times.unit(payload)
	s.w.dir.identity = append(s.w.dir.identity, ref)
	return err
}

func (s *wideSink) column(family uint8) error {
	s.w.dir.columns = append(s.w.dir.columns, nil)
	if s.family != nil && s.family.ident.family == family {
		return nil
	}
	if err := s.finishFamily(); err != nil {
		return err
	}
	var err error
	s.family, err = s.w.createFile(s.w.o.Layout.Families[family].Name+familySuffix, kindFamily, family)
	return err
}

func (s *wideSink) page(block int, payload []byte) error {
	ref, err := s.family.unit(payload)
	s.w.dir.add(block, ref)
	return err
}

func (s *wideSink) finishFamily() error {
	if s.family == nil {
		return nil
	}
	f := s.family
	s.family = nil
	return s.w.finishFile(f)
}

func (s *wideSink) finish() error {
	if err := s.finishFamily(); err != nil {
		return err
	}
	return s.w.finishFile(s.times)
}

// packedSink keeps all pages in memory, since they come by column and are
// written by block.
type packedSink struct {
	w     *Writer
	slabs [][]byte // payloads as they came
}

// slabBytes is the size of a slab, unless a payload is larger.
const slabBytes = 1 << 20

// keep stores a payload and returns where: the slab in the upper half of the
// offset.
func (s *packedSink) keep(payload []byte) pageRef {
	last := len(s.slabs) - 1
	if last < 0 || cap(s.slabs[last])-len(s.slabs[last]) < len(payload) {
		size := max(slabBytes, len(payload))
		if last < 0 {
			size = max(slabBytes/16, len(payload)) // most parts are small
		}
		s.slabs = append(s.slabs, make([]byte, 0, size))
		last++
	}
	slab := s.slabs[last]
	ref := pageRef{off: uint64(last)<<32 | uint64(len(slab)), size: uint32(len(payload))}
	s.slabs[last] = append(slab, payload...)
	return ref
}

func (s *packedSink) identity(payload []byte) error {
	s.w.dir.identity = append(s.w.dir.identity, s.keep(payload))
	return nil
}

func (s *packedSink) column(uint8) error {
	s.w.dir.columns = append(s.w.dir.columns, nil)
	return nil
}

func (s *packedSink) page(block int, payload []byte) error {
	s.w.dir.add(block, s.keep(payload))
	return nil
}

// finish writes data.bin, turning the directory's places in memory into those
// in the file.
func (s *packedSink) finish() error {
	f, err := s.w.createFile(dataName, kindData, 0)
	if err != nil {
		return err
	}
	dir := &s.w.dir
	cursors := make([]int, len(dir.columns))
	for b := range dir.identity {
		if err := s.place(f, &dir.identity[b]); err != nil {
			return err
		}
		for col, pages := range dir.columns {
			c := cursors[col]
			if c == len(pages) || int(pages[c].block) != b {
				continue
			}
			cursors[col]++
			if err := s.place(f, &pages[c].ref); err != nil {
				return err
			}
		}
	}
	s.slabs = nil
	return s.w.finishFile(f)
}

// place writes the page that ref points to in memory and makes ref point to it
// in the file.
func (s *packedSink) place(f *fileWriter, ref *pageRef) error {
	var err error
	*ref, err = f.unit(s.slabs[ref.off>>32][uint32(ref.off):][:ref.size])
	return err
}

// add enters a page of the column that was begun last.
func (d *directory) add(block int, ref pageRef) {
	last := len(d.columns) - 1
	d.columns[last] = append(d.columns[last], blockPage{block: uint32(block), ref: ref})
}
