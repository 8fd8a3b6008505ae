package sbt

import (
	"io"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/dialect"
)

func TestStrip(t *testing.T) {
	const inJSON, inXML = "application/json", "text/xml; charset=utf-8"
	big := `{"securityToken":"` + strings.Repeat("x", 256<<10) + `"}`
	for name, c := range map[string]struct{ query, media, body, wantQuery, wantBody string }{
		"query":                       {query: "securityToken=s&orgCode=A&b=%20", wantQuery: "orgCode=A&b=%20"},
		"key in the query":            {query: "orgCode=A&apikey=k;SECURITYTOKEN=s", wantQuery: "orgCode=A"},
		"nothing":                     {query: "orgCode=A&mySecurityToken=x", wantQuery: "orgCode=A&mySecurityToken=x"},
		"form":                        {media: dialect.FormType, body: "a=1&securityToken=s&orgCode=A", wantBody: "a=1&orgCode=A"},
		"form without":                {media: dialect.FormType, body: "a=1&orgCode=A", wantBody: "a=1&orgCode=A"},
		"JSON":                        {media: inJSON, body: `{ "a":1, "securityToken" : "s\"}" ,"orgCode":"A","APIKEY":"k"}`, wantBody: `{ "a":1, "securityToken" : null ,"orgCode":"A","APIKEY":null}`},
		"JSON, a number":              {media: inJSON, body: `{"securityToken":12 }`, wantBody: `{"securityToken":null }`},
		"JSON without":                {media: inJSON, body: `{"a":{"securityToken":"x"}}`, wantBody: `{"a":{"securityToken":"x"}}`},
		"JSON, broken":                {media: inJSON, body: `{"securityToken":"x"`, wantBody: `{"securityToken":"x"`},
		"JSON, too large":             {media: inJSON, body: big, wantBody: big},
		"SOAP":                        {media: inXML, body: envelopeOf("<a/><securityToken>s&amp;<!-- t --></securityToken><orgCode>A</orgCode><APIKey>k</APIKey>"), wantBody: envelopeOf("<a/><securityToken></securityToken><orgCode>A</orgCode><APIKey></APIKey>")},
		"SOAP, empty element":         {media: inXML, body: envelopeOf("<securityToken/>"), wantBody: envelopeOf("<securityToken/>")},
		"SOAP after a mark":           {media: inXML, body: "\xef\xbb\xbf" + envelopeOf("<securityToken>s</securityToken>"), wantBody: "\xef\xbb\xbf" + envelopeOf("<securityToken></securityToken>")},
		"XML by its look":             {body: "<Op><securityToken>s</securityToken></Op>", wantBody: "<Op><securityToken></securityToken></Op>"},
		"another type":                {media: "text/plain", body: "securityToken=s", wantBody: "securityToken=s"},
		"another type, ours":          {query: "securityToken=s", media: "text/plain", body: `{"securityToken":"s"}`, wantBody: `{"securityToken":null}`},
		"form by its look":            {body: "a=1&securityToken=s", wantBody: "a=1"},
		"JSON that says it is a form": {media: dialect.FormType, body: `{"securityToken":"s","x":"&APIKey=k&y"}`, wantBody: `{"securityToken":null,"x":"&y"}`},
		"form of another type":        {query: "securityToken=s", media: "text/plain", body: "a=1&securityToken=s", wantBody: "a=1"},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(c.query, c.media, c.body)
			newDialect(t).Strip(r)
			got, err := io.ReadAll(r.Body)
			if err != nil || string(got) != c.wantBody || r.ContentLength != int64(len(c.wantBody)) {
				t.Errorf("the body went on as %.200q with length %d (%v)", got, r.ContentLength, err)
			}
			if r.URL.RawQuery != c.wantQuery || !strings.HasSuffix(r.RequestURI, "?"+c.wantQuery) && c.wantQuery != "" {
				t.Errorf("the query went on as %q, %q", r.URL.RawQuery, r.RequestURI)
			}
		})
	}
}
