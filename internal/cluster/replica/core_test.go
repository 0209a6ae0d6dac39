package replica

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/wal"
)

// trace drives the core of a group of one by hand and writes down what it
// wants.
type trace struct {
	t    *testing.T
	log  *wal.Log
	core *core
	out  strings.Builder
	last *effects
}

func newTrace(t *testing.T, fs vfs.FS, durable uint64) *trace {
	tr := &trace{t: t, log: mustLog(t, fs)}
	opts := Options{Node: 1, Log: tr.log}.withDefaults()
	var err error
	tr.core, err = openCore(t.Context(), opts, GroupOptions{ID: 1, StateMachine: &machine{durable: durable}})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func (tr *trace) close() {
	if err := tr.log.Close(); err != nil {
		tr.t.Error(err)
	}
}

func (tr *trace) show(what string, out *effects) {
	fmt.Fprintf(&tr.out, "%s\n", what)
	for _, p := range out.proposed {
		fmt.Fprintf(&tr.out, "  answer %v at %d: %v\n", p.local, p.position.Index, p.err)
	}
	for _, t := range out.appends {
		fmt.Fprintf(&tr.out, "  append")
		for _, e := range t.write.Entries {
			fmt.Fprintf(&tr.out, " %d/%d:%q", e.Index, e.Term, e.Data)
		}
		if s := t.write.State; s != nil {
			fmt.Fprintf(&tr.out, " term=%d vote=%d commit=%d", s.Term, s.Vote, s.Commit)
		}
		fmt.Fprintln(&tr.out)
	}
	for _, t := range out.applies {
		fmt.Fprintf(&tr.out, "  apply up to %d:", t.last)
		for _, a := range t.batch {
			fmt.Fprintf(&tr.out, " %d:%q(%v)", a.Index, a.Data, a.Local)
		}
		fmt.Fprintln(&tr.out)
	}
	for _, r := range out.reads {
		fmt.Fprintf(&tr.out, "  read at %d: %v\n", r.index, r.err)
	}
	if out.compact > 0 {
		fmt.Fprintf(&tr.out, "  compact %d\n", out.compact)
	}
	tr.last = out
}

// persist lets the log do what the core has with it.
func (tr *trace) persist() {
	t := tr.core.flying
	if err := tr.log.Append(tr.t.Context(), []wal.Write{t.write}); err != nil {
		tr.t.Fatal(err)
	}
	tr.show("persisted", tr.core.step(appendedEvent{t, nil}))
}

func (tr *trace) propose(texts ...string) {
	var ps []*proposal
	for _, s := range texts {
		ps = append(ps, &proposal{data: []byte(s), local: s})
	}
	tr.show("propose "+strings.Join(texts, " "), tr.core.step(proposeEvent{ps}))
}

func (tr *trace) want(want string) {
	tr.t.Helper()
	if got := tr.out.String(); got != strings.TrimLeft(want, "\n") {
		tr.t.Errorf("got:\n%s", got)
	}
	tr.out.Reset()
}

// TestStepsOfASingleVoter pins what happens, and when: no answer before the
// log has the entry, no sync for a commit index alone, no read before the
// leader has committed in its own term.
func TestStepsOfASingleVoter(t *testing.T) {
	fs := vfs.NewMem()
	tr := newTrace(t, fs, 0)
	tr.show("start", tr.core.step(startEvent{}))
	tr.propose("early")
	tr.show("read", tr.core.step(readEvent{&read{}}))
	tr.persist() // the vote
	tr.persist() // the empty entry
	tr.propose("a", "b")
	tr.propose("c")
	tr.persist()
	tr.persist()
	apply := tr.core.out.applies
	tr.show("applied", tr.core.step(appliedEvent{apply[0]}))
	tr.show("durable 3", tr.core.step(durableEvent{3}))
	tr.show("read", tr.core.step(readEvent{&read{}}))
	tr.want(`
start
  append term=1 vote=1 commit=0
propose early
  answer early at 0: group 1 has no leader
read
persisted
  append 1/1:""
persisted
  apply up to 1:
  read at 1: <nil>
propose a b
  append 2/1:"a" 3/1:"b" term=1 vote=1 commit=1
propose c
persisted
  answer a at 2: <nil>
  answer b at 3: <nil>
  append 4/1:"c" term=1 vote=1 commit=3
  apply up to 3: 2:"a"(a) 3:"b"(b)
persisted
  answer c at 4: <nil>
  apply up to 4: 4:"c"(c)
applied
durable 3
  compact 3
read
  read at 4: <nil>
`)
	tr.close()

	tr = newTrace(t, fs, 2)
	tr.show("start again", tr.core.step(startEvent{}))
	tr.show("read", tr.core.step(readEvent{&read{}}))
	tr.persist()
	tr.persist()
	tr.close()
	tr.want(`
start again
  append term=2 vote=1 commit=3
  apply up to 3: 3:"b"(<nil>)
read
persisted
  append 5/2:""
persisted
  apply up to 5: 4:"c"(<nil>)
  read at 5: <nil>
`)
}

func TestRefusedAppendIsRepeated(t *testing.T) {
	tr := newTrace(t, vfs.NewMem(), 0)
	tr.core.step(startEvent{})
	tr.persist()
	tr.persist()
	tr.out.Reset()
	tr.propose("a")
	tr.propose("b")
	tr.show("refused", tr.core.step(appendedEvent{tr.core.flying, base.Retry(0, "full")}))
	tr.propose("c")
	tr.show("tick", tr.core.step(tickEvent{}))
	tr.persist()
	tr.show("failed", tr.core.step(stopEvent{base.Errorf(base.ClassUnavailable, "the end")}))
	tr.propose("d")
	tr.close()
	tr.want(`
propose a
  append 2/1:"a" term=1 vote=1 commit=1
propose b
refused
propose c
tick
  append 2/1:"a" 3/1:"b" 4/1:"c" term=1 vote=1 commit=1
persisted
  answer a at 2: <nil>
  answer b at 3: <nil>
  answer c at 4: <nil>
  apply up to 4: 2:"a"(a) 3:"b"(b) 4:"c"(c)
failed
propose d
  answer d at 0: the end
`)
}

func TestMergeOfAppends(t *testing.T) {
	es := func(term uint64, indexes ...uint64) (out []wal.Entry) {
		for _, i := range indexes {
			out = append(out, wal.Entry{Index: i, Term: term})
		}
		return out
	}
	a := &appendTask{write: wal.Write{Entries: es(1, 5, 6, 7), State: &wal.HardState{Term: 1}}}
	a.merge(&appendTask{write: wal.Write{Entries: es(2, 6)}})
	a.merge(&appendTask{write: wal.Write{State: &wal.HardState{Term: 3}}})
	got := fmt.Sprint(a.write.Entries, *a.write.State)
	if want := fmt.Sprint(append(es(1, 5), es(2, 6)...), wal.HardState{Term: 3}); got != want {
		t.Errorf("merged %s, want %s", got, want)
	}
	b := &appendTask{write: wal.Write{Entries: es(1, 5, 6)}}
	b.merge(&appendTask{write: wal.Write{Entries: es(2, 4, 5)}})
	if got, want := fmt.Sprint(b.write.Entries), fmt.Sprint(es(2, 4, 5)); got != want {
		t.Errorf("merged %s, want %s", got, want)
	}
}

// TestDamagedLogFailsTheGroup: the process lives, the error names the file.
func TestDamagedLogFailsTheGroup(t *testing.T) {
	fs := vfs.NewMem()
	n := mustNode(t, fs)
	g := n.open(t, 1, &machine{})
	if _, err := g.Propose(t.Context(), []byte("some data that will be damaged"), nil); err != nil {
		t.Fatal(err)
	}
	n.close(t)

	l := mustLog(t, fs)
	host, err := NewHost(Options{Node: 1, Log: l})
	if err != nil {
		t.Fatal(err)
	}
	b, err := fs.UnsafeGetFileDataBuffer("log/0000000000000001.log")
	if err != nil {
		t.Fatal(err)
	}
	b[strings.Index(string(b), "some data")] ^= 1 // behind Open's back
	_, err = host.Open(t.Context(), GroupOptions{ID: 1, StateMachine: &machine{}})
	if !base.IsCorruption(err) || !strings.Contains(err.Error(), "0000000000000001.log: offset") {
		t.Errorf("open group: %v", err)
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestMetaBytes(t *testing.T) {
	got := fmt.Sprintf("% x", appendMeta(nil, &raftpb.ConfState{Voters: []uint64{1, 300}, Learners: []uint64{4}}))
	const want = "01 " + // version
		"08 01 08 ac 02 " + // voters 1 and 300
		"10 04" // learner 4
	if got != want {
		t.Errorf("metadata encodes to %s, want %s", got, want)
	}
}

func FuzzDecodeMeta(f *testing.F) {
	f.Add([]byte{1, 8, 1})
	f.Add([]byte{1, 8, 1, 8, 2, 16, 3})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		conf, err := decodeMeta(b)
		if err != nil {
			return
		}
		again, err := decodeMeta(appendMeta(nil, conf))
		if err != nil || again.String() != conf.String() {
			t.Errorf("%v decodes to %v, %v", conf, again, err)
		}
	})
}

// FuzzMessage feeds the core of a follower whatever a broken peer may send:
// it may fail the group, not the process.
func FuzzMessage(f *testing.F) {
	for _, m := range []*raftpb.Message{
		{Type: raftpb.MsgHeartbeat.Enum(), Term: new(uint64(3))},
		{Type: raftpb.MsgApp.Enum(), Term: new(uint64(1)), Entries: []*raftpb.Entry{{Index: new(uint64(1)), Term: new(uint64(1))}}},
		{Type: raftpb.MsgVote.Enum(), Term: new(uint64(9)), Index: new(uint64(7)), LogTerm: new(uint64(8))},
		{Type: raftpb.MsgReadIndex.Enum(), Entries: []*raftpb.Entry{{Data: []byte("x")}}},
	} {
		m.To, m.From = new(uint64(1)), new(uint64(2))
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &raftpb.Message{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		l := mustLog(t, vfs.NewMem())
		defer l.Close()
		opts := Options{Node: 1, Log: l}.withDefaults()
		c, err := openCore(t.Context(), opts, GroupOptions{ID: 1, Voters: []base.NodeID{1, 2, 3}, StateMachine: &machine{}})
		if err != nil {
			t.Fatal(err)
		}
		c.step(startEvent{})
		for range 2 {
			out := c.step(messageEvent{m})
			for _, a := range out.appends {
				c.step(appendedEvent{a, l.Append(t.Context(), []wal.Write{a.write})})
			}
		}
	})
}

func TestReceiveRefusesStrangers(t *testing.T) {
	n := mustNode(t, vfs.NewMem())
	defer n.close(t)
	n.open(t, 1, &machine{})
	f := func(group base.GroupID, m *raftpb.Message, want base.Class) {
		t.Helper()
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.host.Receive(group, b); err == nil || base.ClassOf(err) != want {
			t.Errorf("%v: %v, want class %v", m, err, want)
		}
	}
	beat := func(from, to uint64) *raftpb.Message {
		return &raftpb.Message{Type: raftpb.MsgHeartbeat.Enum(), From: &from, To: &to, Term: new(uint64(9))}
	}
	f(2, beat(2, 1), base.ClassNotFound)
	f(1, beat(2, 1), base.ClassInvalid)
	f(1, beat(1, 1), base.ClassInvalid)
	f(1, beat(1, 2), base.ClassInvalid)
	if err := n.host.Receive(1, []byte{0xff}); base.ClassOf(err) != base.ClassInvalid {
		t.Error(err)
	}
}

// TestReplacedProposalsLeaveTheQueue: another leader cut the log below an old
// proposal, and then this node leads again. A new one at a lower index must not
// wait behind the old one, nor be told that it was replaced.
func TestReplacedProposalsLeaveTheQueue(t *testing.T) {
	tr := newTrace(t, vfs.NewMem(), 0)
	defer tr.close()
	c := tr.core
	c.term, c.leader = 2, c.node
	numbered := func(text string, index, term uint64) *proposal {
		p := &proposal{data: []byte(text), local: text}
		c.fresh = append(c.fresh, p)
		c.toLog(&raftpb.Message{Entries: []*raftpb.Entry{{Index: &index, Term: &term, Data: p.data}}})
		return p
	}
	kept, old := numbered("kept", 9, 2), numbered("old", 10, 2)
	index, term := uint64(10), uint64(3)
	c.toLog(&raftpb.Message{Entries: []*raftpb.Entry{{Index: &index, Term: &term}}})
	if old.err == nil || kept.answered {
		t.Errorf("replaced: %v; kept is answered: %v", old.err, kept.answered)
	}
	c.term = 4
	again := numbered("again", 10, 4)
	for _, want := range []*proposal{kept, again} {
		if got := c.takeOwn(want.position); got != want || want.err != nil {
			t.Errorf("proposal at %v: %v, %v", want.position, got, want.err)
		}
	}
}
