package expression

import (
	"slices"
	"strings"

	"github.com/pandodb/pando/internal/base"
)

// maxTextNesting bounds parentheses and nots around each other. The text of a
// valid filter needs two for each call at most.
const maxTextNesting = 4 * MaxDepth

// Parse reads a filter in the text form that docs/api/filters.md describes,
//
//	resource.service = "cart" and span.duration > 2s and not status = error
//
// and validates it. Errors are of the classes invalid and too large, one line
// each, with line and column, what was found and what would be right.
func Parse(text string) (*Call, error) {
	if len(text) > MaxBytes {
		return nil, base.Errorf(base.ClassTooLarge, "filter: found %d bytes of text, the limit is %d", len(text), MaxBytes)
	}
	p := parser{lexer: lexer{text: text}, offsets: map[Term]int{}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	c, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != tokenEnd {
		return nil, p.want("and, or, or the end")
	}
	if f := new(validator).filter(c); f != nil {
		return nil, base.Errorf(f.class, "filter: %s: %s", position(text, p.offsetOf(c, f.operands)), f.text)
	}
	return c, nil
}

// parser is a recursive descent, one token ahead. Each method leaves tok at
// the token after what it read.
type parser struct {
	lexer   lexer
	tok     token
	nesting int
	// offsets says where terms begin, for the messages of the validator.
	offsets map[Term]int
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lexer.next()
	return err
}

// want returns an error at the current token.
func (p *parser) want(what string) error {
	found := "the end"
	if p.tok.kind != tokenEnd {
		found = quote(p.tok.raw)
	}
	return failText(p.lexer.text, p.tok.offset, "found "+found+", want "+what)
}

// expect reads a sign.
func (p *parser) expect(sign, what string) error {
	if !p.tok.isSign(sign) {
		return p.want(what)
	}
	return p.advance()
}

// offsetOf returns where the term begins that the operands lead to, or the
// last one on the way that was written by itself.
func (p *parser) offsetOf(c *Call, operands []int) int {
	offset := p.offsets[c]
	for _, i := range operands {
		if i >= len(c.Args) {
			break
		}
		if at, ok := p.offsets[c.Args[i]]; ok {
			offset = at
		}
		next, ok := c.Args[i].(*Call)
		if !ok {
			break
		}
		c = next
	}
	return offset
}

func (p *parser) remember(t Term, offset int) { p.offsets[t] = offset }

// disjunction reads conditions joined by or.
func (p *parser) disjunction() (*Call, error) {
	return p.joined("or", OpOr, (*parser).conjunction)
}

// conjunction reads conditions joined by and.
func (p *parser) conjunction() (*Call, error) {
	return p.joined("and", OpAnd, (*parser).condition)
}

func (p *parser) joined(word string, op Op, read func(*parser) (*Call, error)) (*Call, error) {
	offset := p.tok.offset
	first, err := read(p)
	if err != nil || !p.tok.is(word) {
		return first, err
	}
	c := &Call{Op: op, Args: []Term{first}}
	p.remember(c, offset)
	for p.tok.is(word) {
		if err := p.advance(); err != nil {
			return nil, err
		}
		next, err := read(p)
		if err != nil {
			return nil, err
		}
		c.Args = append(c.Args, next)
	}
	return c, nil
}

// condition reads what and and or join: not, parentheses, exists, some or a
// comparison.
func (p *parser) condition() (*Call, error) {
	if p.nesting++; p.nesting > maxTextNesting {
		return nil, base.Errorf(base.ClassTooLarge, "filter: %s: found more than %d parentheses and nots around each other, which is the limit",
			position(p.lexer.text, p.tok.offset), maxTextNesting)
	}
	defer func() { p.nesting-- }()
	offset := p.tok.offset
	switch {
	case p.tok.isSign("("):
		return p.parenthesized()
	case p.tok.is("not"):
		return p.call(OpNot, (*parser).condition)
	case p.tok.is("some"):
		return p.some()
	case p.tok.is("exists"):
		if err := p.advance(); err != nil {
			return nil, err
		}
		ref, err := p.reference()
		c := &Call{Op: OpExists, Args: []Term{ref}}
		p.remember(c, offset)
		return c, err
	}
	return p.comparison()
}

// call reads a keyword and the one predicate after it.
func (p *parser) call(op Op, read func(*parser) (*Call, error)) (*Call, error) {
	c := &Call{Op: op}
	p.remember(c, p.tok.offset)
	if err := p.advance(); err != nil {
		return nil, err
	}
	arg, err := read(p)
	if err != nil {
		return nil, err
	}
	c.Args = []Term{arg}
	return c, nil
}

func (p *parser) parenthesized() (*Call, error) {
	if err := p.expect("(", `"("`); err != nil {
		return nil, err
	}
	c, err := p.disjunction()
	if err != nil {
		return nil, err
	}
	return c, p.expect(")", `and, or, or ")"`)
}

// some reads: some event (…).
func (p *parser) some() (*Call, error) {
	offset := p.tok.offset
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.kind != tokenWord || !slices.Contains(nestedLevels, p.tok.text) {
		return nil, p.want(oneOf(nestedLevels) + ` after "some"`)
	}
	of := &Nested{Level: Level(p.tok.text)}
	p.remember(of, p.tok.offset)
	if err := p.advance(); err != nil {
		return nil, err
	}
	if !p.tok.isSign("(") {
		return nil, p.want(`"(" and a condition on the ` + string(of.Level))
	}
	predicate, err := p.parenthesized()
	if err != nil {
		return nil, err
	}
	c := &Call{Op: OpSome, Args: []Term{of, predicate}}
	p.remember(c, offset)
	return c, nil
}

// textOperators are the signs of the operators between two values.
var textOperators = map[string]Op{
	"=": OpEq, "==": OpEq, "!=": OpNe, ">": OpGt, ">=": OpGte, "<": OpLt, "<=": OpLte, "~": OpRegex,
}

// comparison reads an operand, an operator and what the operator takes.
func (p *parser) comparison() (*Call, error) {
	offset := p.tok.offset
	left, err := p.left()
	if err != nil {
		return nil, err
	}
	c := &Call{Args: []Term{left}}
	p.remember(c, offset)
	var right Term
	op, known := textOperators[p.tok.text]
	switch {
	case p.tok.kind == tokenSign && known:
		c.Op = op
		if err := p.advance(); err != nil {
			return nil, err
		}
		right, err = p.right(left)
	case p.tok.is("in"):
		c.Op = OpIn
		right, err = p.list()
	case p.tok.is("not"):
		c.Op = OpNotIn
		if err := p.advance(); err != nil {
			return nil, err
		}
		if !p.tok.is("in") {
			return nil, p.want(`"in" after "not"`)
		}
		right, err = p.list()
	case p.tok.is("phrase"), p.tok.is("fulltext"):
		c.Op = Op(strings.ToLower(p.tok.text))
		right, err = p.wordList()
	default:
		return nil, p.want("an operator: =, !=, >, >=, <, <=, ~, in, not in, phrase or fulltext")
	}
	c.Args = append(c.Args, right)
	return c, err
}
