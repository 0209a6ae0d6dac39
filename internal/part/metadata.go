package part

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"

	"github.com/pandodb/pando/internal/base"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Meta is what a part says about itself in metadata.json.
type Meta struct {
	ID     base.PartID
	Tablet base.TabletID // the tablet that wrote the part
	Layout string        // name of the layout
	// Families are the layout's families when the part was written.
	Families []string
	Wide     bool
	Rows     int
	Blocks   int
	Keys     int // distinct
	Columns  int
	Time     base.TimeRange
	MinKey   []byte
	MaxKey   []byte
	Bytes    int64 // of all files but metadata.json
	Files    []FileMeta
}

// FileMeta is one file of a part.
type FileMeta struct {
	Name  string
	Bytes int64
	CRC   uint32 // CRC32C of the whole file
}

// metadataJSON is Meta on disk. Keys and checksums are hex: they are bytes.
type metadataJSON struct {
	Format    int        `json:"format"`
	ID        string     `json:"id"`
	Tablet    string     `json:"tablet"`
	Layout    string     `json:"layout"`
	Families  []string   `json:"families"`
	Wide      bool       `json:"wide"`
	Rows      int        `json:"rows"`
	Blocks    int        `json:"blocks"`
	Keys      int        `json:"keys"`
	Columns   int        `json:"columns"`
	TimeStart int64      `json:"time_start"`
	TimeEnd   int64      `json:"time_end"`
	MinKey    string     `json:"min_key"`
	MaxKey    string     `json:"max_key"`
	Files     []fileJSON `json:"files"`
	// Checksum is the CRC32C of the document with eight zeros in this place.
	Checksum string `json:"checksum"`
}

type fileJSON struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	CRC   string `json:"crc32c"`
}

const noChecksum = "00000000"

// encodeMetadata returns the file's content: indented JSON, a newline at the
// end.
func encodeMetadata(m *Meta) ([]byte, error) {
	doc := metadataJSON{
		Format: FormatVersion, ID: m.ID.String(), Tablet: fmt.Sprintf("%016x", uint64(m.Tablet)),
		Layout: m.Layout, Families: m.Families, Wide: m.Wide,
		Rows: m.Rows, Blocks: m.Blocks, Keys: m.Keys, Columns: m.Columns,
		TimeStart: m.Time.Start, TimeEnd: m.Time.End,
		MinKey: hex.EncodeToString(m.MinKey), MaxKey: hex.EncodeToString(m.MaxKey),
		Checksum: noChecksum,
	}
	for _, f := range m.Files {
		doc.Files = append(doc.Files, fileJSON{f.Name, f.Bytes, fmt.Sprintf("%08x", f.CRC)})
	}
	body, err := json.MarshalIndent(&doc, "", "  ")
	if err != nil {
		return nil, err
	}
	body = append(body, '\n')
	sum := fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli))
	at := bytes.LastIndex(body, []byte(noChecksum))
	copy(body[at:], sum)
	return body, nil
}

// parseMetadata reads the file's content. It accepts only what encodeMetadata
// writes, to the byte: no flipped bit goes by, not in white space either.
func parseMetadata(src []byte) (*Meta, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(src, &head); err != nil {
		return nil, corruptf("%w", err)
	}
	var doc metadataJSON
	if err := json.Unmarshal(src, &doc); err != nil {
		return nil, corruptf("%w", err)
	}
	m, err := doc.meta()
	if err == nil {
		var again []byte
		if again, err = encodeMetadata(m); err == nil && !bytes.Equal(again, src) {
			err = corruptf("checksum %.8q does not match", doc.Checksum)
		}
	}
	// A later version may add fields: say so rather than call it damaged. But
	// believe a version only where the checksum holds.
	if err != nil && head.Format != FormatVersion && checksumHolds(src, doc.Checksum) {
		return nil, base.Errorf(base.ClassInvalid, "part format version %d, this program reads %d", head.Format, FormatVersion)
	}
	return m, err
}

// checksumHolds recomputes the checksum of a document without understanding it.
func checksumHolds(src []byte, sum string) bool {
	at := bytes.LastIndex(src, []byte(sum))
	if len(sum) != len(noChecksum) || at < 0 {
		return false
	}
	body := bytes.Clone(src)
	copy(body[at:], noChecksum)
	return fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) == sum
}

// meta checks the document's fields.
func (doc *metadataJSON) meta() (*Meta, error) {
	m := &Meta{
		Layout: doc.Layout, Families: doc.Families, Wide: doc.Wide,
		Rows: doc.Rows, Blocks: doc.Blocks, Keys: doc.Keys, Columns: doc.Columns,
		Time: base.TimeRange{Start: doc.TimeStart, End: doc.TimeEnd},
	}
	id, err1 := strconv.ParseUint(doc.ID, 16, 64)
	tablet, err2 := strconv.ParseUint(doc.Tablet, 16, 64)
	minKey, err3 := hex.DecodeString(doc.MinKey)
	maxKey, err4 := hex.DecodeString(doc.MaxKey)
	for _, err := range [...]error{err1, err2, err3, err4} {
		if err != nil {
			return nil, corruptf("%w", err)
		}
	}
	m.ID, m.Tablet, m.MinKey, m.MaxKey = base.PartID(id), base.TabletID(tablet), minKey, maxKey
	if m.Rows <= 0 || m.Rows > maxRows || m.Blocks <= 0 || m.Blocks > m.Rows || m.Keys <= 0 || m.Keys > m.Rows ||
		m.Time.Empty() || bytes.Compare(minKey, maxKey) > 0 {
		return nil, corruptf("%d rows, %d keys, %d blocks, times %d to %d", m.Rows, m.Keys, m.Blocks, m.Time.Start, m.Time.End)
	}
	for _, f := range doc.Files {
		crc, err := strconv.ParseUint(f.CRC, 16, 32)
		if err != nil || f.Bytes < headerSize || !fileName.MatchString(f.Name) {
			return nil, corruptf("file %.40q of %d bytes, checksum %.8q", f.Name, f.Bytes, f.CRC)
		}
		m.Files = append(m.Files, FileMeta{Name: f.Name, Bytes: f.Bytes, CRC: uint32(crc)})
		m.Bytes += f.Bytes
	}
	return m, nil
}

// fileName is what a name in metadata.json may look like, since it becomes part
// of a path.
var fileName = regexp.MustCompile(`^[a-z]{1,16}\.(bin|seg|tf)$`)

// file returns the named file, or false when the part has none.
func (m *Meta) file(name string) (FileMeta, bool) {
	for _, f := range m.Files {
		if f.Name == name {
			return f, true
		}
	}
	return FileMeta{}, false
}
