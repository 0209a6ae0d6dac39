package replica

import (
	"errors"
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"
)

// metaVersion is the first byte of a group's metadata in the log; a protobuf
// raftpb.ConfState follows. Length and checksum are the log's.
const metaVersion = 1

// appendMeta encodes who votes in a group.
func appendMeta(dst []byte, conf *raftpb.ConfState) []byte {
	out, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(append(dst, metaVersion), conf)
	if err != nil {
		panic("replica: a ConfState does not encode: " + err.Error()) // its fields are numbers
	}
	return out
}

// decodeMeta is the inverse of appendMeta.
func decodeMeta(b []byte) (*raftpb.ConfState, error) {
	if len(b) == 0 || b[0] != metaVersion {
		return nil, errors.New("unknown version")
	}
	conf := &raftpb.ConfState{}
	if err := proto.Unmarshal(b[1:], conf); err != nil {
		return nil, fmt.Errorf("voters: %w", err)
	}
	if len(conf.GetVoters()) == 0 {
		return nil, errors.New("no voters")
	}
	return conf, nil
}
