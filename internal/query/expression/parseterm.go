package expression

import (
	"slices"
	"strings"
)

// shortFields are the fields that need no level. An attribute of such a name
// is written attr["name"].
var shortFields = map[string]Field{
	"duration": {LevelSpan, "duration"},
	"kind":     {LevelSpan, "kind"},
	"name":     {LevelSpan, "name"},
	"status":   {LevelSpan, "status"},
	"service":  {LevelResource, "service"},
}

// isKeyword says whether a word means something else than itself.
func isKeyword(word string) bool {
	return slices.ContainsFunc(keywords, func(k string) bool { return strings.EqualFold(k, word) })
}

// left reads the operand before an operator, where a word is a reference.
func (p *parser) left() (Term, error) {
	const want = "a condition: a reference, a constant, not, exists, some or \"(\""
	switch p.tok.kind {
	case tokenNumber, tokenText:
		return p.constant(want)
	case tokenWord:
		if t, err := p.typed(); t != nil || err != nil {
			return t, err
		}
		return p.reference()
	case tokenEnd, tokenSign:
	}
	return nil, p.want(want)
}

// right reads the operand after an operator. A word is a constant there, unless
// it names a level or the operand on the left is a constant already.
func (p *parser) right(left Term) (Term, error) {
	if p.tok.kind == tokenWord {
		if t, err := p.typed(); t != nil || err != nil {
			return t, err
		}
		_, constant := left.(*Scalar)
		if constant || p.nextIs("[") || levelOf(p.tok.text) != LevelAny {
			return p.reference()
		}
	}
	return p.constant("a value: a word, a number, text in double quotes, or a reference with its level")
}

// nextIs says whether the token after the current one is the sign.
func (p *parser) nextIs(sign string) bool {
	ahead := p.lexer
	t, err := ahead.next()
	return err == nil && t.isSign(sign)
}

// levelOf returns the level that the word begins with, as in span.duration.
func levelOf(word string) Level {
	level, _, ok := strings.Cut(word, ".")
	if ok && slices.Contains(levels, level) {
		return Level(level)
	}
	return LevelAny
}

// reference reads span.duration, http.route, span["duration"] or attr["name"].
func (p *parser) reference() (Term, error) {
	tok := p.tok
	if tok.kind != tokenWord || isKeyword(tok.text) {
		return nil, p.want(`a reference such as span.duration, http.route or attr["a key"]`)
	}
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.tok.isSign("[") {
		return p.keyInBrackets(tok)
	}
	t, err := p.named(tok)
	if err == nil {
		p.remember(t, tok.offset)
	}
	return t, err
}

// named returns what a word refers to.
func (p *parser) named(tok token) (Term, error) {
	if f, ok := shortFields[tok.text]; ok {
		return &f, nil
	}
	level := levelOf(tok.text)
	if level == LevelAny {
		return &Attr{Key: tok.text}, nil
	}
	name := tok.text[len(level)+1:]
	if name == "" {
		return nil, failText(p.lexer.text, tok.offset, "found "+quote(tok.text)+", want a field or an attribute after the point")
	}
	if _, ok := LookupField(level, name); ok {
		return &Field{Level: level, Name: name}, nil
	}
	return &Attr{Key: name, Level: level}, nil
}

// keyInBrackets reads ["key"] after a level or after attr.
func (p *parser) keyInBrackets(of token) (Term, error) {
	a := &Attr{Level: Level(of.text)}
	if of.text == "attr" {
		a.Level = LevelAny
	} else if !slices.Contains(levels, of.text) {
		return nil, failText(p.lexer.text, of.offset, "found "+quote(of.text)+` before "[", want attr or `+oneOf(levels))
	}
	p.remember(a, of.offset)
	if err := p.expect("[", `"["`); err != nil {
		return nil, err
	}
	if p.tok.kind != tokenText {
		return nil, p.want("the key in double quotes")
	}
	a.Key = p.tok.text
	if err := p.advance(); err != nil {
		return nil, err
	}
	return a, p.expect("]", `"]"`)
}

// constant reads a constant without a type.
func (p *parser) constant(want string) (Term, error) {
	s := &Scalar{}
	p.remember(s, p.tok.offset)
	var err error
	s.Value, err = p.value(want)
	return s, err
}

// value reads the text of a constant.
func (p *parser) value(want string) (string, error) {
	tok := p.tok
	if tok.kind == tokenEnd || tok.kind == tokenSign || tok.kind == tokenWord && isKeyword(tok.text) {
		return "", p.want(want)
	}
	return tok.text, p.advance()
}

// typed reads a constant with a type, as int:500. It returns nil when the
// current word is no type.
func (p *parser) typed() (Term, error) {
	if !slices.Contains(types, p.tok.text) || !p.nextIs(":") {
		return nil, nil
	}
	s := &Scalar{Type: Type(p.tok.text)}
	p.remember(s, p.tok.offset)
	if err := p.afterType(); err != nil {
		return nil, err
	}
	var err error
	s.Value, err = p.value("a constant of the type " + string(s.Type))
	return s, err
}

// afterType moves over a type and its colon.
func (p *parser) afterType() error {
	if err := p.advance(); err != nil {
		return err
	}
	return p.expect(":", `":"`)
}

// list reads (1, 2) or int:(1, 2) after the operator at the current token.
func (p *parser) list() (Term, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	l := &List{}
	p.remember(l, p.tok.offset)
	if p.tok.kind == tokenWord && slices.Contains(types, p.tok.text) {
		l.Type = Type(p.tok.text)
		if err := p.afterType(); err != nil {
			return nil, err
		}
	}
	if err := p.expect("(", `"(" and values, or a type and ":" before them`); err != nil {
		return nil, err
	}
	for {
		value, err := p.value("a value: a word, a number or text in double quotes")
		if err != nil {
			return nil, err
		}
		l.Values = append(l.Values, value)
		if p.tok.isSign(")") {
			return l, p.advance()
		}
		if err := p.expect(",", `"," or ")"; a type stands once, before "("`); err != nil {
			return nil, err
		}
	}
}

// wordList reads a list and cuts each value at its spaces, so that
// ("connection refused") is a list of two words.
func (p *parser) wordList() (Term, error) {
	t, err := p.list()
	if err != nil {
		return nil, err
	}
	l := t.(*List)
	var words []string
	for _, value := range l.Values {
		cut := strings.Fields(value)
		if len(cut) == 0 {
			cut = []string{value}
		}
		words = append(words, cut...)
	}
	l.Values = words
	return l, nil
}
