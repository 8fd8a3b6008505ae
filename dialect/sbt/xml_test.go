package sbt

import (
	"errors"
	"io"
	"testing"
)

// What encoding/xml lets pass and a strict parser behind the gate does not.
func TestWellNamed(t *testing.T) {
	for doc, good := range map[string]bool{
		`<a/>`:                           true,
		`<a b="1" c="2" xml:lang="en"/>`: true,
		`<p:a xmlns:p="urn:x" p:b="1" b="2"><p:c/></p:a>`:      true,
		`<a xmlns="urn:x"><b/></a>`:                            true,
		`<a b="1" b="2"/>`:                                     false,
		`<a xmlns:p="urn:x" xmlns:q="urn:x" p:b="1" q:b="2"/>`: false,
		`<a xmlns:p="urn:x" xmlns:p="urn:y"/>`:                 false,
		`<p:a/>`:                                               false,
		`<a><p:b/></a>`:                                        false,
		`<a p:b="1"/>`:                                         false,
	} {
		d := newDocument([]byte(doc))
		var err error
		for err == nil {
			_, err = d.next()
		}
		if errors.Is(err, io.EOF) != good || (!good && !errors.Is(err, errXML)) {
			t.Errorf("%s: %v", doc, err)
		}
	}
}
