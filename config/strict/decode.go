package strict

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
)

// Defaulter is a struct that knows its defaults. They are set before the file's
// fields are, in list entries too.
type Defaulter interface{ SetDefaults() }

// Decode decodes a file of one document into the struct that into points to. An
// empty file leaves it with its defaults. The error is [Errors].
func Decode(name string, data []byte, into any, o Options) error {
	s := &source{name: name, o: o}
	docs := s.parse(data)
	if len(docs) > 1 {
		s.fail(position(docs[1]), nil, "a second document begins here: a file of this kind has one")
	}
	if len(docs) > 0 {
		s.into(docs[0], into, nil)
	} else if len(s.errs) == 0 {
		s.into(&ast.NullNode{}, into, nil)
	}
	return s.errs.Err()
}

// DecodeAll decodes each document of a file into a T.
func DecodeAll[T any](name string, data []byte, o Options) ([]T, error) {
	s := &source{name: name, o: o}
	docs := s.parse(data)
	list := make([]T, len(docs))
	for i, d := range docs {
		s.into(d, &list[i], nil)
	}
	if err := s.errs.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

func (s *source) into(n ast.Node, into any, p *path) {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("strict: decode into %T, want a pointer", into)) // the caller's mistake
	}
	s.value(n, v.Elem(), p, "")
}

// value decodes n into v, of a field with this tag.
func (s *source) value(n ast.Node, v reflect.Value, p *path, tag reflect.StructTag) {
	if s.raw(n, v, p) || s.text(n, v, p, tag) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		s.value(n, v.Elem(), p, tag)
	case reflect.Struct:
		s.structure(n, v, p)
	case reflect.Slice:
		s.list(n, v, p, tag)
	case reflect.Map:
		s.mapping(n, v, p)
	default:
		s.scalar(n, v, p)
	}
}

func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(Defaulter); ok {
		d.SetDefaults()
	}
}

// structure decodes the pairs of n into the fields of v.
func (s *source) structure(n ast.Node, v reflect.Value, p *path) {
	setDefaults(v)
	fields := s.fields(v.Type())
	for _, f := range fields {
		if f.name == "" {
			v.FieldByIndex(f.index).Set(reflect.ValueOf(Mark{src: s, path: p, node: n}))
		}
	}
	if n.Type() == ast.NullType {
		return
	}
	if pairs(n) == nil && n.Type() != ast.MappingType {
		s.fail(position(n), p, "must be a mapping of fields, is %s: write %s", kind(n), sample(fields))
		return
	}
	s.each(n, p, func(name string, pair *ast.MappingValueNode) {
		at := &path{parent: p, name: name}
		for _, f := range fields {
			if name == f.name && name != "" {
				s.value(pair.Value, v.FieldByIndex(f.index), at, f.tag)
				return
			}
		}
		s.unknown(name, pair, fields, p)
	})
}

// each calls f for the pairs of a mapping, and notes a name that stands twice.
func (s *source) each(n ast.Node, p *path, f func(string, *ast.MappingValueNode)) {
	first := map[string]int{}
	for _, pair := range pairs(n) {
		name, at := keyName(pair), position(pair.Key)
		if line, twice := first[name]; twice {
			what := "a field"
			if !s.o.Secrets {
				what = fmt.Sprintf("%q", short(name))
			}
			s.fail(at, p, "%s stands here a second time, first in line %d: remove one", what, line)
			continue
		}
		first[name] = at.Line
		f(name, pair)
	}
}

func (s *source) unknown(name string, pair *ast.MappingValueNode, fields []field, p *path) {
	var known []string
	for _, f := range fields {
		if f.name != "" {
			known = append(known, f.name)
		}
	}
	what := "unknown field" // in a file with secrets it may be half of a secret that was not quoted
	if !s.o.Secrets {
		what = fmt.Sprintf("unknown field %q", short(name))
	}
	if near := Near(name, known); near != "" {
		what += fmt.Sprintf(", did you mean %q?", near)
	} else {
		slices.Sort(known)
		what += "; known here: " + strings.Join(known, ", ")
	}
	s.fail(position(pair.Key), p, "%s", what)
}

func (s *source) list(n ast.Node, v reflect.Value, p *path, tag reflect.StructTag) {
	if n.Type() == ast.NullType {
		return
	}
	l, ok := n.(*ast.SequenceNode)
	if !ok {
		s.fail(position(n), p, "must be a list, is %s: put each entry on a line of its own that begins with a dash", kind(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(l.Values), len(l.Values)))
	for i, n := range l.Values {
		s.value(n, v.Index(i), &path{parent: p, index: i}, tag)
	}
}

// mapping decodes names that the operator chooses.
func (s *source) mapping(n ast.Node, v reflect.Value, p *path) {
	if n.Type() == ast.NullType {
		return
	}
	if pairs(n) == nil && n.Type() != ast.MappingType {
		s.fail(position(n), p, "must be a mapping of names, is %s", kind(n))
		return
	}
	if v.Type().Key().Kind() != reflect.String {
		panic("strict: a map of the caller's has other keys than strings")
	}
	v.Set(reflect.MakeMap(v.Type()))
	s.each(n, p, func(name string, pair *ast.MappingValueNode) {
		e := reflect.New(v.Type().Elem()).Elem()
		s.value(pair.Value, e, &path{parent: p, name: name}, "")
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), e)
	})
}

// field is a field that a file can set, or a mark, which has no name.
type field struct {
	index []int
	name  string
	tag   reflect.StructTag
}

// fields are those of a struct type. The fields of embedded structs count as the
// struct's own, but for their marks.
func (s *source) fields(t reflect.Type) []field {
	if l, done := s.types[t]; done {
		return l
	}
	l := []field{}
	for _, f := range reflect.VisibleFields(t) {
		switch {
		case f.Type == reflect.TypeFor[Mark]():
			if len(f.Index) == 1 {
				l = append(l, field{index: f.Index})
			}
		case f.IsExported() && !f.Anonymous && f.Tag.Get("yaml") != "-":
			l = append(l, field{f.Index, fieldName(f), f.Tag})
		}
	}
	if s.types == nil {
		s.types = map[reflect.Type][]field{}
	}
	s.types[t] = l
	return l
}

// fieldName is the field's name in the file.
func fieldName(f reflect.StructField) string {
	if tag, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); tag != "" {
		return tag
	}
	var b strings.Builder
	for i, r := range f.Name {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// sample shows the shape with the first names.
func sample(fields []field) string {
	var names []string
	for _, f := range fields {
		if f.name != "" && len(names) < 2 {
			names = append(names, f.name+": ...")
		}
	}
	return "{" + strings.Join(names, ", ") + "}"
}

const number = "a number"

// kind is what a value is, for people.
func kind(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "a mapping"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "empty"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return number
	}
	return "something else"
}
