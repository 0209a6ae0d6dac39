package expression

// Term is a node of a filter: a reference to something a span carries (*Attr,
// *Field, *Nested), a constant (*Scalar, *List) or a *Call over other terms.
// Only the pointer types of this package are terms.
type Term interface{ isTerm() }

// Level names the part of a span that a reference reads. The empty level
// belongs to attributes only: the span's own and its resource's.
type Level string

// The levels, after the attribute maps of OpenTelemetry's data model.
const (
	LevelAny      Level = ""
	LevelSpan     Level = "span"
	LevelResource Level = "resource"
	LevelScope    Level = "scope"
	LevelEvent    Level = "event"
	LevelLink     Level = "link"
)

// Type is what a constant says it is. The empty type lets the other operand
// decide: a field by its kind, an attribute by whatever type was stored.
type Type string

// The types a constant may declare.
const (
	TypeAny    Type = ""
	TypeString Type = "string"
	TypeInt    Type = "int"
	TypeDouble Type = "double"
	TypeBool   Type = "bool"
)

// Op is the operator of a Call. Operators returns all of them, and
// docs/api/filters.md says what each asks of a span.
type Op string

// The operators.
const (
	OpAnd      Op = "and"
	OpOr       Op = "or"
	OpNot      Op = "not"
	OpEq       Op = "eq"
	OpNe       Op = "ne"
	OpGt       Op = "gt"
	OpLt       Op = "lt"
	OpGte      Op = "gte"
	OpLte      Op = "lte"
	OpRegex    Op = "regex"
	OpExists   Op = "exists"
	OpIn       Op = "in"
	OpNotIn    Op = "not_in"
	OpSome     Op = "some"
	OpPhrase   Op = "phrase"
	OpFulltext Op = "fulltext"
)

// Attr refers to the entry of an attribute map. With LevelAny it refers to the
// span's and to the resource's, so it may hold two values; at the levels event
// and link it holds one for each element, unless a `some` binds the element.
type Attr struct {
	Key   string
	Level Level
}

// Field refers to a value that the data model itself defines, such as the
// duration of a span. LookupField knows the names of each level.
type Field struct {
	Level Level
	Name  string
}

// Nested refers to the events or the links of a span as a collection. It is
// the first operand of `some` and stands nowhere else.
type Nested struct {
	Level Level
}

// Scalar is one constant, as text. Durations (2s) and timestamps (RFC 3339)
// have no Type: the field they are compared with says how to read them.
type Scalar struct {
	Value string
	Type  Type
}

// List is a constant of one or more values read as one type. It is the second
// operand of in, not_in, phrase and fulltext.
type List struct {
	Values []string
	Type   Type
}

// Call applies an operator to its operands. A filter is a Call.
type Call struct {
	Op   Op
	Args []Term
}

func (*Attr) isTerm()   {}
func (*Field) isTerm()  {}
func (*Nested) isTerm() {}
func (*Scalar) isTerm() {}
func (*List) isTerm()   {}
func (*Call) isTerm()   {}
