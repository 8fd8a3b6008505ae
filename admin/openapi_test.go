package admin_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin"
	"github.com/sallyport/sallyport/admin/api"
)

type object = map[string]any

func parsed(t *testing.T) object {
	t.Helper()
	var doc object
	if err := json.Unmarshal(admin.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// at follows a path of names; nil if there is nothing.
func at(v any, path ...string) any {
	for _, p := range path {
		o, _ := v.(object)
		v = o[p]
	}
	return v
}

// Every operation is in the document with all that the handler takes, and nothing else
// is; every reference leads somewhere.
func TestDocument(t *testing.T) {
	t.Parallel()
	doc := parsed(t)
	if doc["openapi"] != "3.1.0" || at(doc, "info", "title") == nil || at(doc, "info", "version") == nil {
		t.Errorf("not an OpenAPI 3.1 document: %v, %v", doc["openapi"], doc["info"])
	}
	documented, ids := 0, map[string]bool{}
	for _, methods := range doc["paths"].(object) {
		documented += len(methods.(object))
	}
	if documented != len(api.Operations()) {
		t.Errorf("%d operations are documented, %d there are", documented, len(api.Operations()))
	}
	for _, op := range api.Operations() {
		o, _ := at(doc, "paths", op.Path, strings.ToLower(op.Method)).(object)
		id, _ := o["operationId"].(string)
		if o == nil || id == "" || ids[id] || o["summary"] == "" {
			t.Errorf("%s is not documented, or twice: %v", op.Name, o)
			continue
		}
		ids[id] = true
		var inPath []string
		list, _ := o["parameters"].([]any)
		for _, p := range list {
			if at(p, "in") == "path" {
				inPath = append(inPath, at(p, "name").(string))
				if at(p, "required") != true {
					t.Errorf("%s: a parameter of the path that need not be there", op.Name)
				}
			}
			if at(p, "schema", "type") == nil {
				t.Errorf("%s: parameter %v has no type", op.Name, p)
			}
		}
		var want []string
		for _, m := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(op.Path, -1) {
			want = append(want, m[1])
		}
		if !slices.Equal(inPath, want) {
			t.Errorf("%s: parameters %v in path %s", op.Name, inPath, op.Path)
		}
		if (o["requestBody"] != nil) != op.HasBody() || at(o, "responses", fmt.Sprint(op.Status())) == nil || at(o, "responses", "default") == nil {
			t.Errorf("%s: body or responses are missing: %v", op.Name, o)
		}
	}
	walkRefs(t, doc, doc)
}

func walkRefs(t *testing.T, doc object, v any) {
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			if at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...) == nil {
				t.Errorf("%s leads nowhere", ref)
			}
		}
		for _, x := range v {
			walkRefs(t, doc, x)
		}
	case []any:
		for _, x := range v {
			walkRefs(t, doc, x)
		}
	}
}

// What the handlers answer is what the document says, to the last field.
func TestAnswersAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := parsed(t)
	seen := 0
	for _, op := range api.Operations() {
		k := newKit(t)
		in := sample(op, k.inside())
		if op.Name == "account delete" {
			in = api.Removal{ID: k.emptyAccount()}
		}
		if strings.HasPrefix(op.Name, "usage") || op.Name == "audit search" || op.Name == "lock list" {
			in = map[string]any{"usage list": api.UsageQuery{}, "audit search": api.AuditQuery{}, "lock list": api.LockQuery{Failures: true}}[op.Name]
		}
		status, body := k.ask(ownerAll, op, in)
		content := at(doc, "paths", op.Path, strings.ToLower(op.Method), "responses", fmt.Sprint(status), "content")
		kind := "application/json"
		if op.Name == "audit export" {
			kind, body = "application/jsonl", strings.SplitN(body, "\n", 2)[0]
		}
		schema := at(content, kind, "schema")
		if schema == nil {
			t.Errorf("%s: answer %d is not documented: %s", op.Name, status, body)
			continue
		}
		var answer any
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Errorf("%s: %v: %s", op.Name, err, body)
			continue
		}
		conform(t, doc, schema, answer, op.Name)
		seen++

		status, body = k.ask(verifierAll, op, in)
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status < 400 {
			t.Errorf("%s, refused: %d %s", op.Name, status, body)
		}
		conform(t, doc, at(doc, "paths", op.Path, strings.ToLower(op.Method), "responses", "default", "content", api.ProblemType, "schema"), answer, op.Name+" refused")
	}
	if seen != len(api.Operations()) {
		t.Errorf("%d of %d answers were compared", seen, len(api.Operations()))
	}
}

// conform holds a value to a schema as the document writes them.
func conform(t *testing.T, doc object, schema, v any, where string) {
	t.Helper()
	s, _ := schema.(object)
	if ref, ok := s["$ref"].(string); ok {
		s, _ = at(doc, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...).(object)
	}
	if s == nil {
		t.Errorf("%s has no schema", where)
		return
	}
	if words, ok := s["enum"].([]any); ok && !slices.Contains(words, v) {
		t.Errorf("%s is %v, one of %v is documented", where, v, words)
	}
	ok := false
	switch s["type"] {
	case "string":
		_, ok = v.(string)
	case "boolean":
		_, ok = v.(bool)
	case "integer", "number":
		_, ok = v.(float64)
	case "array":
		var list []any
		list, ok = v.([]any)
		for i, x := range list {
			conform(t, doc, s["items"], x, fmt.Sprintf("%s[%d]", where, i))
		}
	case "object":
		var o object
		o, ok = v.(object)
		properties, _ := s["properties"].(object)
		for name, x := range o {
			if properties[name] == nil {
				t.Errorf("%s.%s is not documented", where, name)
				continue
			}
			conform(t, doc, properties[name], x, where+"."+name)
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, there := o[name.(string)]; !there {
				t.Errorf("%s.%s is missing", where, name)
			}
		}
	}
	if !ok {
		t.Errorf("%s is %T, %v is documented", where, v, s["type"])
	}
}

// sent is the body of a sample, as the client sends it.
func sent(t *testing.T, op *api.Operation) (body string) {
	t.Helper()
	k := &kit{T: t, secrets: map[string]string{ownerAll: "x"}, handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		body = string(text)
	})}
	k.ask(ownerAll, op, sample(op, target{account: 1, parent: 1, key: 1, user: 1, session: 1, app: "a", lock: "l"}))
	return body
}

// What the document says of a body is what the handler takes: the samples conform.
func TestRequestsAreAsDocumented(t *testing.T) {
	t.Parallel()
	doc := parsed(t)
	for _, op := range api.Operations() {
		if !op.HasBody() {
			continue
		}
		schema := at(doc, "paths", op.Path, strings.ToLower(op.Method), "requestBody", "content", "application/json", "schema")
		name := strings.TrimPrefix(at(schema, "$ref").(string), "#/components/schemas/")
		s := at(doc, "components", "schemas", name)
		if at(s, "additionalProperties") != false {
			t.Errorf("%s takes what is not documented", op.Name)
		}
		var body object
		if err := json.Unmarshal([]byte(sent(t, op)), &body); err != nil {
			t.Fatal(err)
		}
		conform(t, doc, schema, body, op.Name)
	}
}
