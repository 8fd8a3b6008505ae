package admin

import (
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/sallyport/sallyport/admin/api"
)

// object is a JSON object of the document.
type object = map[string]any

// Document is the OpenAPI 3.1 document of the API, made of the table of operations.
func Document() []byte {
	d := &document{schemas: object{}}
	paths := object{}
	for _, op := range api.Operations() {
		at, _ := paths[op.Path].(object)
		if at == nil {
			at = object{}
			paths[op.Path] = at
		}
		at[strings.ToLower(op.Method)] = d.operation(op)
	}
	d.schema(reflect.TypeFor[api.Problem]())
	out, err := json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{"title": "Sallyport administration", "version": "1",
			"description": "Who may do what: auditors read, operators change customers, keys, users, apps, sessions and locks, owners also say who has which role. " +
				"A role that does not reach everywhere sees its account and those below it; everything else is as if it were not there."},
		"security":   []any{object{"key": []any{}}, object{"session": []any{}}},
		"paths":      paths,
		"components": object{"schemas": d.schemas, "securitySchemes": securitySchemes},
	}, "", "  ")
	if err != nil { // of maps and strings: it does not happen
		return []byte("{}")
	}
	return append(out, '\n')
}

var securitySchemes = object{
	"key":     object{"type": "http", "scheme": "basic", "description": "The number or code of an account, and the secret of a key of it that has a role."},
	"session": object{"type": "http", "scheme": "bearer", "description": "The token of a session of the console."},
}

type document struct{ schemas object }

func (d *document) operation(op *api.Operation) object {
	noun, verb, _ := strings.Cut(op.Name, " ")
	out := object{"operationId": strings.ReplaceAll(op.Name, " ", "-"), "summary": op.Summary, "tags": []any{noun},
		"x-sallyport-command": noun + " " + verb, "x-sallyport-right": string(op.Right)}
	if op.DryRun != "" {
		out["x-sallyport-right-dry-run"] = string(op.DryRun)
	}
	var parameters []any
	for _, f := range reflect.VisibleFields(op.Input()) {
		for _, in := range []string{"path", "query"} {
			name := f.Tag.Get(in)
			if name == "" {
				continue
			}
			p := object{"name": name, "in": in, "required": in == "path", "schema": d.field(f)}
			if doc := f.Tag.Get("doc"); doc != "" {
				p["description"] = doc
			}
			parameters = append(parameters, p)
		}
	}
	if parameters != nil {
		out["parameters"] = parameters
	}
	if op.HasBody() {
		body := d.schema(op.Input())
		if s, ok := d.schemas[schemaName(op.Input())].(object); ok {
			s["additionalProperties"] = false
		}
		out["requestBody"] = object{"required": true, "content": object{"application/json": object{"schema": body}}}
	}
	out["responses"] = object{
		statusText(op.Status()): d.success(op),
		"default": object{"description": "Why it failed, and that nothing was changed.",
			"content": object{api.ProblemType: object{"schema": object{"$ref": "#/components/schemas/Problem"}}}},
	}
	return out
}

func statusText(status int) string {
	text, err := json.Marshal(status)
	if err != nil {
		return "default"
	}
	return string(text)
}

func (d *document) success(op *api.Operation) object {
	if op.Output() == reflect.TypeFor[api.Lines]() {
		return object{"description": "One event a line.", "content": object{"application/jsonl": object{"schema": d.schema(reflect.TypeFor[api.Event]())}}}
	}
	return object{"description": "Done.", "content": object{"application/json": object{"schema": d.schema(op.Output())}}}
}

// schema is the schema of a type; structs have names and stand in the components.
func (d *document) schema(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[api.Span]():
		return object{"type": "string", "description": "such as 30s, 20m, 12h, 7d or 1y"}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return object{"type": "string"}
	}
	switch t.Kind() { // a test shows that the table has no other kind
	case reflect.Pointer:
		return d.schema(t.Elem())
	case reflect.Slice:
		return object{"type": "array", "items": d.schema(t.Elem())}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer", "format": "int64"}
	case reflect.Struct:
		return d.named(t)
	}
	return object{}
}

// named puts a struct among the components.
func (d *document) named(t reflect.Type) object {
	name := schemaName(t)
	ref := object{"$ref": "#/components/schemas/" + name}
	if d.schemas[name] != nil {
		return ref
	}
	properties, required := object{}, []any{}
	s := object{"type": "object", "properties": properties}
	d.schemas[name] = s
	for _, f := range reflect.VisibleFields(t) {
		field, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if field == "" {
			continue
		}
		properties[field] = d.field(f)
		if !strings.Contains(options, "omitempty") {
			required = append(required, field)
		}
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return ref
}

func (d *document) field(f reflect.StructField) object {
	s := d.schema(f.Type)
	if doc := f.Tag.Get("doc"); doc != "" {
		s["description"] = doc
	}
	if words := f.Tag.Get("enum"); words != "" {
		list := []any{}
		for word := range strings.SplitSeq(words, "|") {
			list = append(list, word)
		}
		s["enum"] = list
	}
	if f.Tag.Get("zero") == "no" {
		s["minimum"] = 1
	}
	return s
}

// schemaName is a type's name: that of List[Account] is AccountList.
func schemaName(t reflect.Type) string {
	name := t.Name()
	outer, inner, generic := strings.Cut(name, "[")
	if !generic {
		return name
	}
	inner = strings.TrimSuffix(inner, "]")
	return inner[strings.LastIndexByte(inner, '.')+1:] + outer
}
