package corpus

import "encoding/binary"

// Span flags: sampled, and the parent known to be local or remote.
const (
	flagsLocal  = 0x101
	flagsRemote = 0x301
)

func (s *spanDraft) flags() uint32 {
	if s.role == roleServer {
		return flagsRemote
	}
	return flagsLocal
}

func (d *draft) name(s *spanDraft) string {
	switch s.role {
	case roleDB:
		return d.cat.statements[s.subject].name
	case roleInternal:
		return d.cat.functions[s.subject].name
	default:
		return d.cat.operations[s.subject].name
	}
}

// kinds maps roles to kinds.
var kinds = [...]Kind{roleServer: KindServer, roleClient: KindClient, roleDB: KindClient, roleInternal: KindInternal}

const statusMessage = "request failed"

// decode renders span i of the draft as a plain struct.
func (d *draft) decode(out *Span, i int) {
	s := &d.spans[i]
	*out = Span{
		TraceID:  d.id.trace,
		SpanID:   spanID(s.id),
		Flags:    s.flags(),
		Name:     d.name(s),
		Kind:     kinds[s.role],
		Start:    d.start + s.start,
		End:      d.start + s.start + s.duration,
		Attrs:    d.values(s.attrs),
		Resource: &d.cat.resources[s.instance],
		Scope:    &d.cat.scopes[d.cat.languageOf(s.instance)],
	}
	if s.parent != noParent {
		out.Parent = spanID(d.spans[s.parent].id)
	}
	for _, e := range d.events[s.events.start:s.events.end] {
		out.Events = append(out.Events, Event{Time: d.start + e.time, Name: e.name, Attrs: d.values(e.attrs)})
	}
	if i == 0 && d.link.present {
		reason := d.cat.value(attr{keyLinkReason, d.link.reason})
		out.Links = []Link{{TraceID: d.link.id.trace, SpanID: spanID(d.link.id.root), Attrs: []Attr{reason}}}
	}
	if s.failed {
		out.Status, out.StatusMessage = StatusError, statusMessage
	}
}

func (d *draft) values(e extent) []Attr {
	out := make([]Attr, 0, e.end-e.start)
	for _, a := range d.attrs[e.start:e.end] {
		out = append(out, d.cat.value(a))
	}
	return out
}

func spanID(v uint64) SpanID {
	var id SpanID
	binary.BigEndian.PutUint64(id[:], v)
	return id
}

func (c *catalogue) languageOf(instance int) int {
	return c.services[c.instances[instance].service].language
}
