package sbt

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/dialect"
)

// wsdl is the service's description. Names, namespaces, the order of members and
// the two ports are what the vendor's samples in five languages imply, the rest
// is what WCF writes; inferred as a whole. LOCATION stands for the address.
//
//go:embed login.wsdl
var wsdl string

// describe answers a GET: the WSDL to ?wsdl and ?singleWsdl in any case, which
// are one document as everything is in it, and a page to all others.
func (s *sbt) describe(w http.ResponseWriter, r *http.Request) {
	if !asksWSDL(r.URL.RawQuery) {
		writePage(w, http.StatusOK, `LoginAPIService. Its description: <a href="?wsdl">?wsdl</a> or <a href="?singleWsdl">?singleWsdl</a>.`)
		return
	}
	location := s.location(r)
	if location == "" {
		dialect.Note(w, auth.Refuse(auth.Malformed, errHost))
		writePage(w, http.StatusBadRequest, "The request's host cannot be read.")
		return
	}
	body := strings.ReplaceAll(wsdl, "LOCATION", location)
	w.Header().Set("Content-Length", strconv.Itoa(len(body))) // too long for net/http to count
	writeXML(w, http.StatusOK, body)
}

func asksWSDL(query string) bool {
	name, _, _ := dialect.NextPair(query, '&')
	return dialect.IsName(name, "wsdl") || dialect.IsName(name, "singlewsdl")
}

// location is where clients are told to call. Never http, at which they would be
// refused, but where the mount is told that it is served. "" if the request
// names no host that could be written down.
func (s *sbt) location(r *http.Request) string {
	host := s.host
	if host == "" {
		host = r.Host
	}
	if !plainHost(host) {
		return ""
	}
	scheme := "https://"
	if s.plain && r.TLS == nil {
		scheme = "http://"
	}
	// The path is one of ours behind the mount's prefix, in the client's spelling
	// of both; the prefix alone is taken from it.
	prefix := r.URL.Path[:len(r.URL.Path)-len(soapPath)]
	return scheme + host + escape.Replace(strings.ReplaceAll(prefix, `"`, "&quot;")) + soapPath
}

// plainHost says whether a host, with or without a port, is made of what hosts
// are made of, and so can stand in XML.
func plainHost(host string) bool {
	if host == "" || len(host) > 255 {
		return false
	}
	for i := range len(host) {
		c := host[i]
		if letter := 'a' <= c|0x20 && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && !strings.ContainsRune(".-_:[]", rune(c)) {
			return false
		}
	}
	return true
}
