package strict

import (
	"strings"

	"github.com/goccy/go-yaml/token"
)

// Bounds. The parser's time grows with the square of the keys of one mapping and
// of the documents, its stack with the nesting.
const (
	defaultMax = 1 << 20
	maxMarks   = 2 << 20 // characters that can begin a token
	maxDocs    = 1000
	maxKeys    = 1000 // of one mapping
	maxFlow    = 32   // nesting of [] and {}
	maxColumn  = 256  // of a key or a dash outside of [] and {}
)

func marks(data []byte) (n int) {
	for _, c := range data {
		if strings.IndexByte(",:[]{}-\n#", c) >= 0 {
			n++
		}
	}
	return n
}

// bounded looks for what this package refuses before the parser recurses.
func (s *source) bounded(tokens token.Tokens) bool {
	var keys keyCount
	docs := 0
	for _, t := range tokens {
		switch t.Type { //nolint:exhaustive // the other types need no look
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			s.fail(t.Position, nil, "anchors, aliases and merge keys (& * <<) are not supported: write the value out; "+
				"put text that begins with such a character in quotes")
			return false
		case token.TagType, token.DirectiveType, token.MappingKeyType:
			s.fail(t.Position, nil, "tags, directives and complex keys (! %% ?) are not supported; "+
				"put text that begins with such a character in quotes")
			return false
		case token.DocumentHeaderType:
			docs++
		}
		if glued(t) {
			s.fail(t.Position, nil, "a comma is missing here, or text with a colon in it needs quotes")
			return false
		}
		if docs > maxDocs {
			s.fail(t.Position, nil, "more than %d documents: split the file", maxDocs)
			return false
		}
		if why := keys.next(t); why != "" {
			s.fail(t.Position, nil, "%s", why)
			return false
		}
	}
	return true
}

// keyCount counts the keys of each open mapping and how deep it is nested.
type keyCount struct {
	flow  []int // keys of each open [ or {
	block []struct{ column, keys int }
}

func (k *keyCount) next(t *token.Token) string {
	switch t.Type { //nolint:exhaustive // the other types do not nest
	case token.SequenceStartType, token.MappingStartType:
		if k.flow = append(k.flow, 0); len(k.flow) > maxFlow {
			return "nested too deeply"
		}
	case token.SequenceEndType, token.MappingEndType:
		k.flow = k.flow[:max(0, len(k.flow)-1)]
	case token.MappingValueType:
		if n := len(k.flow); n > 0 {
			if k.flow[n-1]++; k.flow[n-1] > maxKeys {
				return "a mapping of too many fields"
			}
			return ""
		}
		column := t.Position.Column
		if t.Prev != nil && t.Prev.Position.Line == t.Position.Line {
			column = t.Prev.Position.Column
		}
		return k.at(column, 1)
	case token.SequenceEntryType:
		if len(k.flow) == 0 {
			return k.at(t.Position.Column, 0)
		}
	case token.DocumentHeaderType:
		k.block = k.block[:0]
	}
	return ""
}

func (k *keyCount) at(column, keys int) string {
	if column > maxColumn {
		return "indented too deeply"
	}
	n := len(k.block)
	for n > 0 && k.block[n-1].column > column {
		n--
	}
	k.block = k.block[:n]
	if n == 0 || k.block[n-1].column < column {
		k.block = append(k.block, struct{ column, keys int }{column, 0})
		n++
	}
	if k.block[n-1].keys += keys; k.block[n-1].keys > maxKeys {
		return "a mapping of too many fields"
	}
	return ""
}

// glued finds unquoted text that holds a field, as in {name: a secret: b}, which
// the parser takes for the text "a secret: b". YAML has no such text (YAML 1.2,
// section 7.3.3).
func glued(t *token.Token) bool {
	if t.Type != token.StringType || !(strings.Contains(t.Value, ": ") || strings.HasSuffix(t.Value, ":")) {
		return false
	}
	before := t.Prev
	for before != nil && before.Type == token.CommentType {
		before = before.Prev
	}
	return before == nil || before.Type != token.LiteralType && before.Type != token.FoldedType
}
