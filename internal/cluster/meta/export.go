package meta

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// A catalog's view goes from one process to another, which must not open the
// store, as a file:
//
//	┌────────────┬─────────┬────────┬────────┬──────────────┐
//	│ "PandoCat" │ version │ length │ CRC32C │ JSON, length │
//	│ 8          │ 4       │ 4      │ 4      │ bytes        │
//	└────────────┴─────────┴────────┴────────┴──────────────┘
//	integers are little-endian; the checksum covers version, length and the JSON
const (
	exportMagic   = "PandoCat"
	exportVersion = 1
	exportHeader  = 20
	// MaxExportBytes bounds an exported view: ten times the largest catalog that
	// the limits of groups and resources allow in practice.
	MaxExportBytes = 256 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// exported is the JSON document.
type exported struct {
	Revision    uint64             `json:"revision"`
	Nodes       []Node             `json:"nodes"`
	Replication []ReplicationGroup `json:"replication_groups"`
	Groups      []exportedGroup    `json:"groups"`
}

type exportedGroup struct {
	Group     catalog.Group      `json:"group"`
	Tablets   []catalog.Tablet   `json:"tablets"`
	Resources []catalog.Resource `json:"resources"`
}

// AppendExport appends the view as a file that ParseExport reads. It holds what
// readers of data need: groups with their tablets and resources, nodes and
// replication groups. Equal views give equal bytes.
func (v *View) AppendExport(dst []byte) ([]byte, error) {
	doc := exported{Revision: v.revision, Nodes: v.Nodes(), Replication: v.ReplicationGroups(), Groups: []exportedGroup{}}
	for _, g := range v.Groups() {
		tablets, err := v.TabletMap(g.ID)
		if err != nil {
			return dst, err
		}
		doc.Groups = append(doc.Groups, exportedGroup{Group: g, Tablets: tablets.AppendTablets(nil), Resources: v.Resources(g.ID)})
	}
	body, err := json.Marshal(&doc)
	if err != nil {
		return dst, err
	}
	if len(body) > MaxExportBytes-exportHeader {
		return dst, base.Errorf(base.ClassTooLarge, "catalog of %d bytes: at most %d can be exported", len(body), MaxExportBytes-exportHeader)
	}
	dst = append(dst, exportMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, exportVersion)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(body)))
	dst = binary.LittleEndian.AppendUint32(dst, sumOf(exportVersion, body))
	return append(dst, body...), nil
}

// ParseExport is the inverse of AppendExport. Damage, and what no catalog may
// hold, is a corruption error that names the path; a version of another release
// is an error of class unavailable. It does not keep data.
func ParseExport(path string, data []byte) (*View, error) {
	if len(data) < exportHeader || string(data[:8]) != exportMagic {
		return nil, base.Corruptionf(path, 0, "not a catalog")
	}
	body := data[exportHeader:]
	if n := binary.LittleEndian.Uint32(data[12:]); int64(n) != int64(len(body)) {
		return nil, base.Corruptionf(path, 12, "length %d, file holds %d", n, len(body))
	}
	version := binary.LittleEndian.Uint32(data[8:])
	if got, want := binary.LittleEndian.Uint32(data[16:]), sumOf(version, body); got != want {
		return nil, base.Corruptionf(path, 16, "checksum %08x, want %08x", got, want)
	}
	if version != exportVersion {
		return nil, base.Errorf(base.ClassUnavailable, "%s: catalog version %d: this program reads version %d", path, version, exportVersion)
	}
	var doc exported
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&doc); err != nil {
		return nil, base.Errorf(base.ClassUnavailable, "%s: catalog of another release: %w", path, err)
	}
	entries, err := doc.entries()
	if err != nil {
		return nil, err
	}
	v, err := new(View).apply(entries, doc.Revision)
	if err != nil {
		return nil, base.Corruptionf(path, exportHeader, "%w", err)
	}
	return v, nil
}

// entries returns the document as a store would hold it, so that there is one
// way only to make a view.
func (doc *exported) entries() ([]Entry, error) {
	var out []Entry
	var first error
	put := func(key string, v any) {
		value, err := catalog.AppendValue(nil, key, v)
		if err != nil && first == nil {
			first = err
		}
		out = append(out, Entry{Key: key, Value: value, Revision: doc.Revision})
	}
	for i := range doc.Nodes {
		put(nodeKey(doc.Nodes[i].ID), &doc.Nodes[i])
	}
	for i := range doc.Replication {
		put(replicationKey(doc.Replication[i].ID), &doc.Replication[i])
	}
	for i := range doc.Groups {
		g := &doc.Groups[i]
		put(groupKey(g.Group.ID), &g.Group)
		put(tabletsKey(g.Group.ID), g.Tablets)
		for j := range g.Resources {
			put(resourceKey(g.Resources[j].ID), &g.Resources[j])
		}
	}
	return out, first
}

func sumOf(version uint32, body []byte) uint32 {
	var head [8]byte
	binary.LittleEndian.PutUint32(head[:], version)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(body)))
	return crc32.Update(crc32.Checksum(head[:], castagnoli), castagnoli, body)
}
