package strict

import (
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// Mark remembers where a struct stood in its file. Embed it in a struct to have
// it set. The zero Mark is of a struct that was not read from a file.
type Mark struct {
	src  *source
	path *path
	node ast.Node
}

// Has says whether the file states the field at the path below the struct, such
// as "policy.span".
func (m Mark) Has(field string) bool {
	_, ok := find(m.node, field)
	return ok
}

// Line is where the struct begins, from 1; 0 if it was not read from a file.
func (m Mark) Line() int {
	if at := position(m.node); at != nil {
		return at.Line
	}
	return 0
}

// Errorf is a problem of the field at the path below the struct, of the struct
// itself if field is "". It points at the field, or at the struct if the file
// does not state the field.
func (m Mark) Errorf(field, format string, args ...any) *Error {
	src := m.src
	if src == nil {
		src = new(source)
	}
	node, _ := find(m.node, field)
	full := m.path.String()
	if full != "" && field != "" {
		full += "."
	}
	return src.problem(position(node), full+field, format, args...)
}

// find walks down from a mapping; where the way ends it returns how far it got.
func find(n ast.Node, field string) (ast.Node, bool) {
	if n == nil {
		return nil, false
	}
	if field == "" {
		return n, true
	}
	head, rest, _ := strings.Cut(field, ".")
	for _, pair := range pairs(n) {
		if keyName(pair) == head {
			if found, ok := find(pair.Value, rest); found != nil {
				return found, ok
			}
		}
	}
	return n, false
}

// path is where in the file a value stands; nil is the document.
type path struct {
	parent *path
	name   string // of a field; "": an entry of a list
	index  int
}

// String is a.b[0].c.
func (p *path) String() string {
	if p == nil {
		return ""
	}
	up := p.parent.String()
	switch {
	case p.name == "":
		return up + "[" + strconv.Itoa(p.index) + "]"
	case up == "":
		return short(p.name)
	}
	return up + "." + short(p.name)
}

// position is where a value begins. A mapping begins with its first key; its
// own token is a colon.
func position(n ast.Node) *token.Position {
	if n == nil {
		return nil
	}
	if l := pairs(n); len(l) > 0 && !flow(n) {
		return position(l[0].Key)
	}
	if t := n.GetToken(); t != nil {
		return t.Position
	}
	return nil
}

func flow(n ast.Node) bool {
	m, ok := n.(*ast.MappingNode)
	return ok && m.IsFlowStyle
}

func pairs(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

func keyName(pair *ast.MappingValueNode) string {
	if t := pair.Key.GetToken(); t != nil {
		return t.Value
	}
	return ""
}
