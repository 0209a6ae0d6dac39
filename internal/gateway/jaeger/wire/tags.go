package wire

import (
	"strings"

	"github.com/pandodb/pando/internal/gen/apiv2pb"
	"github.com/pandodb/pando/internal/model/trace"
)

// fieldTags are the tags of a span that stand for fields, by index; -1 for none.
type fieldTags struct {
	kind, state, scope, version    int
	isError, code, message         int
	errors, errorCodes, otherCodes int // how many tags say so
}

// fillTags sets the attributes, and the fields that tags stand for.
func fillTags(out *trace.Span, s *apiv2pb.Span, in *interner) {
	tags := s.GetTags()
	f := findFields(tags)
	text := func(i int) string {
		if i < 0 {
			return ""
		}
		return tags[i].GetVStr()
	}
	if f.scope < 0 {
		f.version = -1 // a version of nothing is a tag like others
	}
	f.fillStatus(out, tags)
	out.Kind = kinds[text(f.kind)]
	out.TraceState = text(f.state)
	out.StatusMessage = text(f.message)
	out.Scope = in.scope(text(f.scope), text(f.version))

	set := tagSet{attrs: make([]trace.Attr, 0, len(tags)+1)}
	for i, tag := range tags {
		switch i {
		case f.kind, f.state, f.scope, f.version, f.isError, f.code, f.message:
		default:
			set.add(tag)
		}
	}
	out.Attrs = set.attrs
}

// kinds are the span kinds by the only spelling that goes back as it came.
var kinds = map[string]trace.Kind{
	"internal": trace.KindInternal, "server": trace.KindServer, "client": trace.KindClient,
	"producer": trace.KindProducer, "consumer": trace.KindConsumer,
}

// findFields finds the first tag of each field that can be it.
func findFields(tags []*apiv2pb.KeyValue) fieldTags {
	f := fieldTags{kind: -1, state: -1, scope: -1, version: -1, isError: -1, code: -1, message: -1}
	first := func(at *int, i int, ok bool) {
		if *at < 0 && ok {
			*at = i
		}
	}
	for i, tag := range tags {
		switch tag.GetKey() {
		case TagSpanKind:
			first(&f.kind, i, textTag(tag) && kinds[tag.GetVStr()] != trace.KindUnspecified)
		case TagTraceState:
			first(&f.state, i, textTag(tag))
		case TagScopeName:
			first(&f.scope, i, textTag(tag))
		case TagScopeVersion:
			first(&f.version, i, textTag(tag))
		case TagStatusMessage:
			first(&f.message, i, textTag(tag))
		case TagError:
			first(&f.isError, i, tag.GetVType() == apiv2pb.ValueType_BOOL && tag.GetVBool())
			f.errors++
		case TagStatusCode:
			first(&f.code, i, textTag(tag))
			switch {
			case !textTag(tag):
			case strings.EqualFold(tag.GetVStr(), StatusError):
				f.errorCodes++
			default:
				f.otherCodes++
			}
		}
	}
	return f
}

// fillStatus sets the status code, and forgets the tags that do not stand for
// it: error=true goes before otel.status_code. Only the pair that a translation
// from the model writes becomes a mere field.
func (f *fieldTags) fillStatus(out *trace.Span, tags []*apiv2pb.KeyValue) {
	code := ""
	if f.code >= 0 {
		code = tags[f.code].GetVStr()
	}
	keep := true
	switch {
	case f.isError >= 0:
		out.StatusCode = trace.StatusError
		keep = f.errors > 1 || f.errorCodes != 1 || f.otherCodes > 0 || code != StatusError
	case strings.EqualFold(code, StatusError):
		out.StatusCode = trace.StatusError
	case strings.EqualFold(code, StatusOK):
		out.StatusCode = codeOK
		keep = f.otherCodes > 1 || f.errorCodes > 0 || code != StatusOK
	default:
		f.message = -1 // of no status
	}
	if keep {
		f.isError, f.code = -1, -1
	}
}

// textTag reports whether the tag is text that a field can hold.
func textTag(tag *apiv2pb.KeyValue) bool {
	return tag.GetVType() == apiv2pb.ValueType_STRING && tag.GetVStr() != "" && validText(tag.GetVStr())
}

// scopeKey are name and version of a scope.
type scopeKey struct{ name, version string }

// interner makes spans share what they have in common.
type interner struct {
	resources map[string]*trace.Resource // by processKey
	known     map[*apiv2pb.Process]*trace.Resource
	scopes    map[scopeKey]*trace.Scope
	key       []byte // scratch
}

func (in *interner) scope(name, version string) *trace.Scope {
	k := scopeKey{name, version}
	s := in.scopes[k]
	if s == nil {
		s = &trace.Scope{Name: name, Version: version}
		in.scopes[k] = s
	}
	return s
}

func (in *interner) resource(p *apiv2pb.Process) *trace.Resource {
	if r := in.known[p]; r != nil {
		return r
	}
	in.key = appendProcessKey(in.key[:0], p)
	r := in.resources[string(in.key)]
	if r == nil {
		r = resourceOf(p)
		in.resources[string(in.key)] = r
	}
	in.known[p] = r
	return r
}

func resourceOf(p *apiv2pb.Process) *trace.Resource {
	set := tagSet{attrs: make([]trace.Attr, 0, len(p.GetTags())+1)}
	switch name := p.GetServiceName(); {
	case name == "":
	case !validText(name):
		set.attrs = append(set.attrs, textAttr(AttrService, invalidService), bytesAttr(invalidService, name))
	default:
		set.attrs = append(set.attrs, textAttr(AttrService, name))
	}
	for _, tag := range p.GetTags() {
		set.add(tag)
	}
	return &trace.Resource{Attrs: set.attrs}
}
