package part

import (
	"encoding/binary"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/block"
)

// FormatVersion is the version of the part format that this package writes.
// It reads this one only; every other is refused by name.
const FormatVersion = 1

// The files of a part. A wide part has timestampsName and one file per family
// instead of dataName.
const (
	metadataName   = "metadata.json"
	metaName       = "meta.bin"
	primaryName    = "primary.bin"
	indexName      = "index.seg"
	filterName     = "filter.bin"
	dataName       = "data.bin"
	timestampsName = "timestamps.bin"
	familySuffix   = ".tf"
)

// IndexFiles returns the names of the files that find rows, as opposed to those
// that hold their values: an index may lie on a disk of its own.
func IndexFiles() []string { return []string{metaName, primaryName, indexName, filterName} }

// fileKind numbers the kinds of files that have a header. The numbers are
// persisted.
type fileKind uint8

// The kinds. Zero is invalid.
const (
	kindMeta       fileKind = 1
	kindPrimary    fileKind = 2
	kindIndex      fileKind = 3
	kindFilter     fileKind = 4
	kindData       fileKind = 5
	kindTimestamps fileKind = 6
	kindFamily     fileKind = 7
)

// fileIdent is what tells a file apart from all it could be confused with.
type fileIdent struct {
	tablet base.TabletID
	part   base.PartID
	kind   fileKind
	family uint8
}

// id returns the number that the checksums of the file's units cover.
func (f fileIdent) id() uint64 {
	id := block.PageIdentity(uint64(f.tablet), uint64(f.part))
	return block.PageIdentity(id, uint64(f.kind)<<8|uint64(f.family))
}

// Every file but metadata.json begins with a framed header; units follow it
// without gaps up to the end of the file.
//
//	+----------+------------+---------+-----------+--------+-------------+------------+-------+
//	| "PNDP" 4 | version u8 | kind u8 | family u8 | 0 u8   | tablet u64  | part u64   | CRC32C|
//	+----------+------------+---------+-----------+--------+-------------+------------+-------+
const (
	headerMagic   = "PNDP"
	headerPayload = 24
	headerSize    = headerPayload + block.TrailerSize
)

// maxUnitBytes bounds a framed unit, so that a damaged length is not believed.
const maxUnitBytes = 1 << 31

// appendHeader appends the file's framed header to an empty buffer.
func appendHeader(dst []byte, f fileIdent) []byte {
	start := len(dst)
	dst = append(dst, headerMagic...)
	dst = append(dst, FormatVersion, byte(f.kind), f.family, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.tablet))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(f.part))
	return block.SealPage(dst, start, block.PageIdentity(f.id(), 0))
}

// checkHeader verifies the framed header of the file.
func checkHeader(src []byte, f fileIdent) error {
	if len(src) != headerSize || string(src[:4]) != headerMagic {
		return corruptf("not a file of a part")
	}
	payload, err := block.CheckPage(src, block.PageIdentity(f.id(), 0))
	if err != nil {
		return err
	}
	if payload[4] != FormatVersion {
		return base.Errorf(base.ClassInvalid, "part format version %d, this program reads %d", payload[4], FormatVersion)
	}
	if payload[5] != byte(f.kind) || payload[6] != f.family || payload[7] != 0 ||
		binary.LittleEndian.Uint64(payload[8:]) != uint64(f.tablet) ||
		binary.LittleEndian.Uint64(payload[16:]) != uint64(f.part) {
		return corruptf("header of another file: kind %d, family %d", payload[5], payload[6])
	}
	return nil
}
