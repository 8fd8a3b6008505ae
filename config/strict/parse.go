package strict

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Options say how a file is read.
type Options struct {
	Max     int  // bytes; 0: 1 MiB
	Secrets bool // the file holds secrets: errors repeat nothing that it says
}

// Load reads a file of at most o.Max bytes. A pipe will do.
func Load(path string, o Options) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	return Read(path, f, o)
}

// Read reads a stream of at most o.Max bytes; name is what errors call it.
func Read(name string, r io.Reader, o Options) ([]byte, error) {
	limit := o.max()
	b, err := io.ReadAll(io.LimitReader(r, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read file: %w", err)
	}
	if len(b) > limit {
		return nil, tooLarge(name, limit)
	}
	return b, nil
}

func (o Options) max() int {
	if o.Max == 0 {
		return defaultMax
	}
	return o.Max
}

func tooLarge(name string, limit int) *Error {
	return &Error{Name: name, Message: fmt.Sprintf("larger than %d bytes: split it", limit)}
}

// source is a file while it is decoded, and as long as a Mark remembers it.
type source struct {
	name string
	o    Options
	errs Errors

	types map[reflect.Type][]field // looked up already
}

func (s *source) fail(at *token.Position, p *path, format string, args ...any) {
	s.errs.Add(s.problem(at, p.String(), format, args...))
}

func (s *source) problem(at *token.Position, path, format string, args ...any) *Error {
	e := &Error{Name: s.name, Path: path, Message: fmt.Sprintf(format, args...)}
	if at != nil {
		e.Line, e.Column = at.Line, at.Column
	}
	return e
}

// parse returns the documents that have content.
func (s *source) parse(data []byte) (docs []ast.Node) {
	defer func() { // a parser's bug must not be the server's; what it says may quote the file
		if recover() != nil {
			docs = nil
			s.fail(nil, nil, "cannot be read as YAML")
		}
	}()
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(data) > s.o.max():
		s.errs.Add(tooLarge(s.name, s.o.max()))
		return nil
	case !utf8.Valid(data):
		s.fail(nil, nil, "is not UTF-8: save it as UTF-8")
		return nil
	case bytes.IndexByte(data, 0) >= 0:
		s.fail(nil, nil, "has NUL bytes: it is not a text file")
		return nil
	case marks(data) > maxMarks:
		s.fail(nil, nil, "has too many entries: split it")
		return nil
	}
	tokens := lexer.Tokenize(string(data))
	if !s.bounded(tokens) {
		return nil
	}
	for _, t := range split(tokens) {
		if n := s.document(t); n != nil {
			docs = append(docs, n)
		}
	}
	return docs
}

// split cuts the tokens at the marks between documents. The parser would do it,
// but takes an empty document for the end of the file.
func split(tokens token.Tokens) (docs []token.Tokens) {
	from := 0
	cut := func(to int) {
		if from < to {
			tokens[from].Prev, tokens[to-1].Next = nil, nil
			docs = append(docs, tokens[from:to])
		}
		from = to + 1
	}
	for i, t := range tokens {
		if t.Type == token.DocumentHeaderType || t.Type == token.DocumentEndType {
			cut(i)
		}
	}
	cut(len(tokens))
	return docs
}

// document parses one document, nil if it has no content.
func (s *source) document(tokens token.Tokens) ast.Node {
	colons := 0
	for _, t := range tokens {
		if t.Type == token.MappingValueType {
			colons++
		}
	}
	// Keys that stand twice are found while decoding, where their path is known.
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	switch {
	case err != nil:
		s.syntax(err)
		return nil
	case len(f.Docs) == 0 || f.Docs[0].Body == nil || f.Docs[0].Body.Type() == ast.CommentType:
		if colons > 0 {
			s.fail(tokens[0].Position, nil, unread)
		}
		return nil
	case len(f.Docs) > 1 || count(f.Docs[0].Body) < colons:
		s.fail(tokens[0].Position, nil, unread)
		return nil
	}
	return f.Docs[0].Body
}

// unread: half a file must not pass for a whole one, whatever the parser left out.
const unread = "parts of the document that begins here cannot be read: look at its indentation"

// count is the number of pairs in the tree.
func count(n ast.Node) (pairsSeen int) {
	for _, p := range pairs(n) {
		pairsSeen += 1 + count(p.Key) + count(p.Value)
	}
	if l, ok := n.(*ast.SequenceNode); ok {
		for _, v := range l.Values {
			pairsSeen += count(v)
		}
	}
	return pairsSeen
}

// hints says what is usually meant by what the parser complains of. Its own text
// is not repeated: parts of it are parts of the file.
var hints = [...]struct{ complaint, hint string }{
	{"\t", "a tab cannot indent: use spaces"},
	{"tab character", "a tab cannot indent: use spaces"},
	{"end character of", "this quote is not closed"},
	{"']' not found", "this [ is not closed"},
	{"',' or ']' must", "a comma or ] is missing here"},
	{"end token '}'", "this { is not closed"},
	{"',' or '}' must", "a comma or } is missing here"},
	{"unknown escape", "in double quotes a backslash begins an escape: write \\\\, or use single quotes"},
	{"reserved character", "text that begins with @ or ` needs quotes"},
	{"not allowed in this context", "lines do not line up here or after it, or text with a colon in it needs quotes"},
	{"unexpected key name", "a colon and a space are missing after a name here, or lines do not line up"},
	{"non-map value", "a colon and a space are missing after a name here, or lines do not line up"},
}

func (s *source) syntax(err error) {
	var y yaml.Error
	if !errors.As(err, &y) {
		s.fail(nil, nil, "cannot be read as YAML")
		return
	}
	var at *token.Position
	if t := y.GetToken(); t != nil {
		at = t.Position
	}
	for _, h := range hints {
		if strings.Contains(y.GetMessage(), h.complaint) {
			s.fail(at, nil, "not valid YAML: %s", h.hint)
			return
		}
	}
	s.fail(at, nil, "not valid YAML: look at the indentation, quotes and brackets here and in the line before")
}
