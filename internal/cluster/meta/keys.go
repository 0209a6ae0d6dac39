package meta

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/catalog"
)

// The layout of keys; doc.go draws it.
const (
	keyRoot        = "pando/1/"
	keyLeader      = keyRoot + "leader"
	keyNext        = keyRoot + "next/"
	keyGroup       = keyRoot + "group/"
	keyResource    = keyRoot + "resource/"
	keyTablets     = keyRoot + "tablets/"
	keyReplication = keyRoot + "replication/"
	keyNode        = keyRoot + "node/"
)

func groupKey(id catalog.GroupID) string    { return fmt.Sprintf("%s%08x", keyGroup, uint32(id)) }
func tabletsKey(id catalog.GroupID) string  { return fmt.Sprintf("%s%08x", keyTablets, uint32(id)) }
func resourceKey(id base.ResourceID) string { return fmt.Sprintf("%s%08x", keyResource, uint32(id)) }

func replicationKey(id base.GroupID) string {
	return fmt.Sprintf("%s%016x", keyReplication, uint64(id))
}
func nodeKey(id base.NodeID) string { return fmt.Sprintf("%s%016x", keyNode, uint64(id)) }
func nextKey(s Space) string        { return keyNext + s.String() }

// keyID returns the ID at the end of a key with the prefix. A key we could not
// have written is damage.
func keyID(key, prefix string, digits int) (uint64, error) {
	hex := strings.TrimPrefix(key, prefix)
	id, err := strconv.ParseUint(hex, 16, 64)
	if err != nil || len(hex) != digits || id == 0 {
		return 0, base.Corruptionf(key, int64(len(prefix)), "key does not end in %d hex digits", digits)
	}
	return id, nil
}
