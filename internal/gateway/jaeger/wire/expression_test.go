package wire

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/pandodb/pando/internal/base"
	"github.com/pandodb/pando/internal/gen/expressionpb"
	"github.com/pandodb/pando/internal/query/expression"
)

// everyTerm is a filter that holds every kind of term.
func everyTerm() *expression.Call {
	return &expression.Call{Op: expression.OpAnd, Args: []expression.Term{
		&expression.Call{Op: expression.OpGt, Args: []expression.Term{
			&expression.Field{Level: expression.LevelSpan, Name: "duration"}, &expression.Scalar{Value: "2s"},
		}},
		&expression.Call{Op: expression.OpSome, Args: []expression.Term{
			&expression.Nested{Level: expression.LevelEvent},
			&expression.Call{Op: expression.OpIn, Args: []expression.Term{
				&expression.Attr{Key: "code", Level: expression.LevelEvent},
				&expression.List{Values: []string{"1", "2"}, Type: expression.TypeInt},
			}},
		}},
	}}
}

func TestFilterRoundTrip(t *testing.T) {
	for _, want := range []*expression.Call{nil, {}, {Op: "what"}, everyTerm()} {
		wire, err := proto.Marshal(FilterMessage(want))
		if err != nil {
			t.Fatal(err)
		}
		var pb *expressionpb.Call
		if want != nil {
			pb = new(expressionpb.Call)
			if err := proto.Unmarshal(wire, pb); err != nil {
				t.Fatal(err)
			}
		}
		got, err := Filter(pb)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("a filter changed on its way (-want +got):\n%s", diff)
		}
	}
}

// call wraps a message in another call, as its second operand.
func wrap(c *expressionpb.Call) *expressionpb.Call {
	return &expressionpb.Call{Op: "and", Args: []*expressionpb.Expression{
		{Term: &expressionpb.Expression_Attr{Attr: &expressionpb.AttributeReference{Key: "a"}}},
		{Term: &expressionpb.Expression_Call{Call: c}},
	}}
}

// newer adds a field that this version does not know.
func newer[M proto.Message](m M) M {
	m.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 99, protowire.VarintType), 7))
	return m
}

func TestFilterRefusals(t *testing.T) {
	arg := func(e *expressionpb.Expression) *expressionpb.Call {
		return &expressionpb.Call{Op: "not", Args: []*expressionpb.Expression{e}}
	}
	deep := &expressionpb.Call{Op: "not"}
	for range maxFilterDepth {
		deep = wrap(deep)
	}
	wide := &expressionpb.Call{Op: "or", Args: make([]*expressionpb.Expression, maxFilterNodes+1)}
	for i := range wide.Args {
		wide.Args[i] = &expressionpb.Expression{Term: &expressionpb.Expression_Scalar{Scalar: &expressionpb.Scalar{}}}
	}
	for _, tc := range []struct {
		name string
		in   *expressionpb.Call
		want string
	}{
		{
			"empty term", wrap(arg(&expressionpb.Expression{})),
			"filter.args[1].call.args[0]: an empty expression: want attr, field, nested, scalar, list or call",
		},
		{"nil term", arg(nil), "filter.args[0]: an empty expression: want attr, field, nested, scalar, list or call"},
		{"too deep", deep, "filter: calls nest deeper than 100"},
		{"too wide", wide, "filter: more than 10000 terms"},
		{"newer call", newer(wrap(nil)), "filter: 3 bytes of fields that are not known here"},
		{"newer call inside", wrap(newer(wrap(nil))), "filter.args[1].call: 3 bytes of fields that are not known here"},
		{"newer term", arg(newer(&expressionpb.Expression{})), "filter.args[0]: 3 bytes of fields that are not known here"},
		{
			"newer attr", arg(&expressionpb.Expression{Term: &expressionpb.Expression_Attr{Attr: newer(&expressionpb.AttributeReference{})}}),
			"filter.args[0].attr: 3 bytes of fields that are not known here",
		},
		{
			"newer field", arg(&expressionpb.Expression{Term: &expressionpb.Expression_Field{Field: newer(&expressionpb.FieldReference{})}}),
			"filter.args[0].field: 3 bytes of fields that are not known here",
		},
		{
			"newer nested", arg(&expressionpb.Expression{Term: &expressionpb.Expression_Nested{Nested: newer(&expressionpb.NestedReference{})}}),
			"filter.args[0].nested: 3 bytes of fields that are not known here",
		},
		{
			"newer scalar", arg(&expressionpb.Expression{Term: &expressionpb.Expression_Scalar{Scalar: newer(&expressionpb.Scalar{})}}),
			"filter.args[0].scalar: 3 bytes of fields that are not known here",
		},
		{
			"newer list", arg(&expressionpb.Expression{Term: &expressionpb.Expression_List{List: newer(&expressionpb.List{})}}),
			"filter.args[0].list: 3 bytes of fields that are not known here",
		},
	} {
		_, err := Filter(tc.in)
		class := base.ClassInvalid
		if strings.HasPrefix(tc.name, "too ") {
			class = base.ClassTooLarge
		}
		if base.ClassOf(err) != class || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", tc.name, err, tc.want)
		}
	}
}

// TestTermPosition: what is not a filter is called what its message calls it.
func TestTermPosition(t *testing.T) {
	_, err := Term(&expressionpb.Expression{}, "order_by[2].expression")
	if err == nil || !strings.HasPrefix(err.Error(), "order_by[2].expression: ") {
		t.Errorf("got %v", err)
	}
	want := &expression.Field{Level: expression.LevelSpan, Name: "startTime"}
	got, err := Term(TermMessage(want), "x")
	if diff := cmp.Diff(expression.Term(want), got); err != nil || diff != "" {
		t.Errorf("%v, (-want +got):\n%s", err, diff)
	}
}

// FuzzFilter: any bytes are a filter that survives a round trip, or refused.
func FuzzFilter(f *testing.F) {
	for _, c := range []*expression.Call{{}, {Op: "not"}, everyTerm()} {
		wire, err := proto.Marshal(FilterMessage(c))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	deep := FilterMessage(everyTerm())
	for range maxFilterDepth {
		deep = wrap(deep)
	}
	wire, err := proto.Marshal(deep)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(wire)
	f.Fuzz(func(t *testing.T, wire []byte) {
		pb := new(expressionpb.Call)
		if proto.Unmarshal(wire, pb) != nil {
			return
		}
		c, err := Filter(pb)
		if err != nil {
			if c := base.ClassOf(err); c != base.ClassInvalid && c != base.ClassTooLarge {
				t.Fatalf("class %v: %v", base.ClassOf(err), err)
			}
			return
		}
		again, err := Filter(FilterMessage(c))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c, again); diff != "" {
			t.Fatalf("a filter changed on its way (-want +got):\n%s", diff)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	pb := FilterMessage(everyTerm())
	b.SetBytes(int64(proto.Size(pb)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Filter(pb); err != nil {
			b.Fatal(err)
		}
	}
}
