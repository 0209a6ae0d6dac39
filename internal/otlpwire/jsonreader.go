package otlpwire

// JSONReader reads the tokens of one JSON text (RFC 8259), strictly and without
// building values, for gateways whose JSON is not OTLP's:
//
//	err := r.Open('[')
//	for first := true; ; first = false {
//		ok, err := r.More(first, ']')
//		… r.Text, r.Number, r.Open or r.Skip
//	}
//	err = r.End()
//
// Errors are of class base.ClassInvalid and tell the byte offset. Returned slices
// are valid until the next call. A JSONReader is not safe for concurrent use.
type JSONReader struct{ s jsonScanner }

// NewJSONReader returns a reader of the text, which must not change while in use.
func NewJSONReader(text []byte) *JSONReader { return &JSONReader{s: jsonScanner{src: text}} }

// Peek skips white space and returns the next byte without taking it; 0 at the
// end of the text.
func (r *JSONReader) Peek() byte { return r.s.peek() }

// Open takes the byte that opens an array or an object.
func (r *JSONReader) Open(opener byte) error { return r.s.expect(opener) }

// More moves to the next element of an array or member of an object that closes
// with the byte end, or takes that and returns false. first is true before the
// first one.
func (r *JSONReader) More(first bool, end byte) (bool, error) { return r.s.more(first, end) }

// Name takes the name of a member, unquoted, and the colon.
func (r *JSONReader) Name() ([]byte, error) {
	name, err := r.s.string()
	if err != nil {
		return nil, err
	}
	return name, r.s.expect(':')
}

// Text takes a string and returns it unquoted: valid UTF-8.
func (r *JSONReader) Text() ([]byte, error) { return r.s.string() }

// Number takes a number and returns it as it is written.
func (r *JSONReader) Number() ([]byte, error) { return r.s.number() }

// Literal takes the word (true, false or null) if it comes next.
func (r *JSONReader) Literal(word string) bool { return r.s.literal(word) }

// Skip takes any value. Arrays and objects may nest MaxDepth deep.
func (r *JSONReader) Skip() error { return r.s.skip(0) }

// Unexpected returns the error that what comes next is not what is wanted, such
// as "want a string".
func (r *JSONReader) Unexpected(want string) error {
	r.s.peek()
	return r.s.unexpected(want)
}

// End reports what follows the value, if anything does.
func (r *JSONReader) End() error {
	if r.s.peek() != 0 || r.s.pos < len(r.s.src) {
		return r.s.unexpected("want the end of the text")
	}
	return nil
}
