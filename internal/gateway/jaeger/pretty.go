package jaeger

import "net/http"

// pretty lets people read answers: with the parameter prettyPrint, other than
// "false", JSON is spread over lines. Errors are not.
func pretty(serve handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		switch r.URL.Query().Get("prettyPrint") {
		case "", "false":
			return serve(w, r)
		default:
			return serve(&prettyResponse{ResponseWriter: w}, r)
		}
	}
}

// prettyResponse indents what is written to it, as it comes.
type prettyResponse struct {
	http.ResponseWriter
	indent indenter
	buf    []byte
}

// WriteHeader implements http.ResponseWriter. The length announced is that of the
// answer without spaces.
func (p *prettyResponse) WriteHeader(status int) {
	p.Header().Del("Content-Length")
	p.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (p *prettyResponse) Write(b []byte) (int, error) {
	p.buf = p.indent.append(p.buf[:0], b)
	if _, err := p.ResponseWriter.Write(p.buf); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Unwrap serves http.ResponseController.
func (p *prettyResponse) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// indenter writes compact JSON with four spaces per level, as Jaeger does. The
// document may come in pieces.
type indenter struct {
	depth   int
	inText  bool
	escaped bool // the last byte was a backslash
	opened  bool // the last byte opened an object or list
}

func (n *indenter) append(dst, src []byte) []byte {
	for _, c := range src {
		if n.inText {
			dst = append(dst, c)
			n.inText = n.escaped || c != '"'
			n.escaped = !n.escaped && c == '\\'
			continue
		}
		closes := c == '}' || c == ']'
		if closes {
			n.depth--
		}
		if n.opened != closes { // first inside, or end of one that is not empty
			dst = n.appendLine(dst)
		}
		n.opened = false
		dst = append(dst, c)
		switch c {
		case '"':
			n.inText = true
		case ':':
			dst = append(dst, ' ')
		case '{', '[':
			n.depth++
			n.opened = true
		case ',':
			dst = n.appendLine(dst)
		}
	}
	return dst
}

func (n *indenter) appendLine(dst []byte) []byte {
	dst = append(dst, '\n')
	for range n.depth {
		dst = append(dst, "    "...)
	}
	return dst
}
