package strict

import (
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// Raw is a mapping that somebody else decodes, later and as strictly.
type Raw struct{ mark Mark }

// Decode decodes the mapping into the struct that into points to. What the file
// does not state stays as it is. The error is [Errors].
func (r Raw) Decode(into any) error {
	if r.mark.node == nil {
		return nil
	}
	s := &source{name: r.mark.src.name, o: r.mark.src.o}
	s.into(r.mark.node, into, r.mark.path)
	return s.errs.Err()
}

// raw keeps n in v, if v is a Raw.
func (s *source) raw(n ast.Node, v reflect.Value, p *path) bool {
	r, ok := v.Addr().Interface().(*Raw)
	if !ok {
		return false
	}
	if n.Type() != ast.NullType && pairs(n) == nil && n.Type() != ast.MappingType {
		s.fail(position(n), p, "must be a mapping of fields, is %s", kind(n))
	}
	r.mark = Mark{src: s, path: p, node: n}
	return true
}
