package filter

import (
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/FastFilter/xorfilter"

	"github.com/pandodb/pando/internal/base"
)

// The kinds of key filter. They are persisted: append only.
const (
	kindFew  = 1 // 32 bits of every hash, ascending
	kindFuse = 2 // binary fuse 16
)

const (
	// fewKeys is the largest number of keys that are listed. Up to here a list is
	// no larger than a fuse filter, and misses more surely.
	fewKeys = 32

	// maxKeys keeps every length in a filter within 32 bits.
	maxKeys = 1 << 30

	// maxSegment is the longest segment, that of the reference implementation.
	maxSegment = 1 << 18

	fuseHeaderBytes = 1 + 8 + 4 + 4 // kind, seed, segment length, segments
)

// Fuse tells whether a part may hold a key. A listed key filter answers wrongly
// once in 2^32/keys, a fuse filter once in 65,536. It aliases the bytes it was
// opened on, is immutable and safe for concurrent use.
type Fuse struct {
	few    []byte // kindFew: four bytes each, ascending
	prints []byte // kindFuse: two bytes each

	seed          uint64
	segment       uint32 // length of a segment, a power of two
	firstSegments uint64 // length of the segments a key's first slot may be in
}

// AppendFuse appends a filter of the hashes, in any order, to dst. Repeated
// hashes are tolerated. It fails, dst unchanged, for more than 2^30 hashes
// (ClassTooLarge), or if no seed fits, which random hashes do not make happen.
func AppendFuse(dst []byte, hashes []uint64) ([]byte, error) {
	if len(hashes) > maxKeys {
		return dst, base.Errorf(base.ClassTooLarge, "filter: %d keys, at most %d", len(hashes), maxKeys)
	}
	if len(hashes) <= fewKeys {
		return appendFew(dst, hashes), nil
	}
	// The builder may reorder its input, and slows down on repeated hashes.
	keys := slices.Clone(hashes)
	slices.Sort(keys)
	keys = slices.Compact(keys)
	if len(keys) <= fewKeys {
		return appendFew(dst, keys), nil
	}
	f, err := xorfilter.NewBinaryFuse[uint16](keys)
	if err != nil {
		return dst, base.Errorf(base.ClassBug, "filter: build of %d keys: %w", len(keys), err)
	}
	dst = slices.Grow(dst, fuseHeaderBytes+2*len(f.Fingerprints))
	dst = append(dst, kindFuse)
	dst = binary.LittleEndian.AppendUint64(dst, f.Seed)
	dst = binary.LittleEndian.AppendUint32(dst, f.SegmentLength)
	dst = binary.LittleEndian.AppendUint32(dst, f.SegmentCount)
	for _, p := range f.Fingerprints {
		dst = binary.LittleEndian.AppendUint16(dst, p)
	}
	return dst, nil
}

func appendFew(dst []byte, hashes []uint64) []byte {
	prints := make([]uint32, 0, fewKeys)
	for _, h := range hashes {
		prints = append(prints, uint32(h>>32))
	}
	slices.Sort(prints)
	dst = append(dst, kindFew)
	for _, p := range slices.Compact(prints) {
		dst = binary.LittleEndian.AppendUint32(dst, p)
	}
	return dst
}

// OpenFuse opens what AppendFuse wrote; src must hold exactly that and must not
// change while the filter is used. Damage gives a ClassCorruption error without
// a file name: the caller knows it.
func OpenFuse(src []byte) (*Fuse, error) {
	if len(src) > 0 && src[0] == kindFew && len(src)%4 == 1 {
		return &Fuse{few: src[1:]}, nil
	}
	if len(src) < fuseHeaderBytes || src[0] != kindFuse {
		return nil, base.Errorf(base.ClassCorruption, "filter: bad header of a key filter of %d bytes", len(src))
	}
	f := &Fuse{
		seed:    binary.LittleEndian.Uint64(src[1:]),
		segment: binary.LittleEndian.Uint32(src[9:]),
		prints:  src[fuseHeaderBytes:],
	}
	segments := uint64(binary.LittleEndian.Uint32(src[13:]))
	f.firstSegments = segments * uint64(f.segment)
	// A key's three slots lie in successive segments, so two follow the last
	// that a first slot may be in. With this no slot is out of bounds.
	want := 2 * (f.firstSegments + 2*uint64(f.segment))
	if bits.OnesCount32(f.segment) != 1 || f.segment > maxSegment || segments == 0 || want != uint64(len(f.prints)) {
		return nil, base.Errorf(base.ClassCorruption, "filter: %d segments of %d slots in %d bytes",
			segments, f.segment, len(src))
	}
	return f, nil
}

// Contains reports whether h may be among the hashes of the filter. False is
// certain.
func (f *Fuse) Contains(h uint64) bool {
	if f.prints == nil {
		return f.containsFew(uint32(h >> 32))
	}
	h = mix(h + f.seed)
	hi, _ := bits.Mul64(h, f.firstSegments)
	mask := f.segment - 1
	h0 := uint32(hi)
	h1 := (h0 + f.segment) ^ uint32(h>>18)&mask
	h2 := (h0 + 2*f.segment) ^ uint32(h)&mask
	return uint16(h^h>>32) == f.slot(h0)^f.slot(h1)^f.slot(h2)
}

// SizeBytes returns the length of the encoding that the filter aliases.
func (f *Fuse) SizeBytes() int { return len(f.few) + len(f.prints) }

func (f *Fuse) slot(i uint32) uint16 { return binary.LittleEndian.Uint16(f.prints[2*int(i):]) }

func (f *Fuse) containsFew(want uint32) bool {
	for at := 0; at < len(f.few); at += 4 {
		if binary.LittleEndian.Uint32(f.few[at:]) == want {
			return true
		}
	}
	return false
}

// mix is the finaliser of MurmurHash3 (Appleby), with which xorfilter seeds the
// hashes of a fuse filter. It is part of the format.
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
