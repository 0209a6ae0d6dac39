package wire

import (
	"strconv"

	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/expressionpb"
	"github.com/pandodb/pando/internal/query/expression"
)

const (
	// maxFilterDepth bounds how deep calls nest: more than any valid filter does,
	// since expression.Call.Validate is stricter, and little stack.
	maxFilterDepth = 100
	// maxFilterNodes bounds the terms of a filter, for the same reason.
	maxFilterNodes = 10_000
)

// Filter returns the filter that a message carries; nil stays nil. It checks what
// the tree cannot say: that every term is something, that nothing is there which
// we do not know, since that may be a condition, and that the tree is not too
// large to walk. Everything else is for expression.Call.Validate. Errors are of
// class base.ClassInvalid, those about size of base.ClassTooLarge, and begin with
// the position of the term they are about, such as filter.args[1].call.args[0].
func Filter(pb *expressionpb.Call) (*expression.Call, error) {
	if pb == nil {
		return nil, nil
	}
	r := filterReader{root: "filter", left: maxFilterNodes}
	return r.call(pb)
}

// Term returns the expression that a message carries as Filter does; position is
// what errors call it.
func Term(pb *expressionpb.Expression, position string) (expression.Term, error) {
	r := filterReader{root: position, isTerm: true, left: maxFilterNodes}
	return r.term(pb)
}

// filterReader walks one tree of messages.
type filterReader struct {
	root   string // what errors call the tree
	isTerm bool   // the root is a term, not a call
	path   []int  // which operand of each call leads to where it is
	left   int    // terms that may still come
}

func (r *filterReader) call(pb *expressionpb.Call) (*expression.Call, error) {
	if len(r.path) >= maxFilterDepth {
		return nil, base.Errorf(base.ClassTooLarge, "%s: calls nest deeper than %d", r.root, maxFilterDepth)
	}
	suffix := ".call"
	if len(r.path) == 0 && !r.isTerm {
		suffix = ""
	}
	if err := r.known(pb, suffix); err != nil {
		return nil, err
	}
	c := &expression.Call{Op: expression.Op(pb.GetOp())}
	if len(pb.GetArgs()) > 0 {
		c.Args = make([]expression.Term, len(pb.GetArgs()))
	}
	for i, arg := range pb.GetArgs() {
		r.path = append(r.path, i)
		var err error
		if c.Args[i], err = r.term(arg); err != nil {
			return nil, err
		}
		r.path = r.path[:len(r.path)-1]
	}
	return c, nil
}

func (r *filterReader) term(pb *expressionpb.Expression) (expression.Term, error) {
	if r.left--; r.left < 0 {
		return nil, base.Errorf(base.ClassTooLarge, "%s: more than %d terms", r.root, maxFilterNodes)
	}
	if err := r.known(pb, ""); err != nil {
		return nil, err
	}
	switch t := pb.GetTerm().(type) {
	case *expressionpb.Expression_Attr:
		a := t.Attr
		return &expression.Attr{Key: a.GetKey(), Level: expression.Level(a.GetLevel())}, r.known(a, ".attr")
	case *expressionpb.Expression_Field:
		f := t.Field
		return &expression.Field{Level: expression.Level(f.GetLevel()), Name: f.GetName()}, r.known(f, ".field")
	case *expressionpb.Expression_Nested:
		return &expression.Nested{Level: expression.Level(t.Nested.GetLevel())}, r.known(t.Nested, ".nested")
	case *expressionpb.Expression_Scalar:
		s := t.Scalar
		return &expression.Scalar{Value: s.GetValue(), Type: expression.Type(s.GetType())}, r.known(s, ".scalar")
	case *expressionpb.Expression_List:
		l := t.List
		return &expression.List{Values: l.GetValues(), Type: expression.Type(l.GetType())}, r.known(l, ".list")
	case *expressionpb.Expression_Call:
		return r.call(t.Call)
	default:
		return nil, base.Errorf(base.ClassInvalid,
			"%s: an empty expression: want attr, field, nested, scalar, list or call", r.position())
	}
}

// known says whether the message holds fields that this version has no name for.
func (r *filterReader) known(m proto.Message, suffix string) error {
	if n := len(m.ProtoReflect().GetUnknown()); n > 0 {
		return base.Errorf(base.ClassInvalid, "%s%s: %d bytes of fields that are not known here", r.position(), suffix, n)
	}
	return nil
}

// position names the term that the reader is at.
func (r *filterReader) position() string {
	at := []byte(r.root)
	for i, arg := range r.path {
		if i > 0 || r.isTerm {
			at = append(at, ".call"...)
		}
		at = append(at, ".args["...)
		at = strconv.AppendInt(at, int64(arg), 10)
		at = append(at, ']')
	}
	return string(at)
}

// FilterMessage returns the message that carries a filter; nil stays nil. It
// shares the filter's lists.
func FilterMessage(c *expression.Call) *expressionpb.Call {
	if c == nil {
		return nil
	}
	pb := &expressionpb.Call{Op: string(c.Op)}
	for _, arg := range c.Args {
		pb.Args = append(pb.Args, TermMessage(arg))
	}
	return pb
}

// TermMessage returns the message that carries a term; nil is an empty one.
func TermMessage(t expression.Term) *expressionpb.Expression {
	pb := new(expressionpb.Expression)
	switch t := t.(type) {
	case *expression.Attr:
		pb.Term = &expressionpb.Expression_Attr{Attr: &expressionpb.AttributeReference{Key: t.Key, Level: string(t.Level)}}
	case *expression.Field:
		pb.Term = &expressionpb.Expression_Field{Field: &expressionpb.FieldReference{Level: string(t.Level), Name: t.Name}}
	case *expression.Nested:
		pb.Term = &expressionpb.Expression_Nested{Nested: &expressionpb.NestedReference{Level: string(t.Level)}}
	case *expression.Scalar:
		pb.Term = &expressionpb.Expression_Scalar{Scalar: &expressionpb.Scalar{Value: t.Value, Type: string(t.Type)}}
	case *expression.List:
		pb.Term = &expressionpb.Expression_List{List: &expressionpb.List{Values: t.Values, Type: string(t.Type)}}
	case *expression.Call:
		pb.Term = &expressionpb.Expression_Call{Call: FilterMessage(t)}
	}
	return pb
}
