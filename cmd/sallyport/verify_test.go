package main

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sallyport/sallyport/admin/api"
)

// A walk of several answers is one walk, to its end or to the first that is broken.
func TestVerifyGoesToTheEnd(t *testing.T) {
	pages := map[string]api.Verified{
		"":     {OK: true, First: 3, Last: 10, Batches: 8, Events: 20, Head: "10-aa", Next: "10.0"},
		"10.0": {OK: true, First: 10, Last: 20, Batches: 10, Events: 11, Head: "20-bb", Next: "20.0"},
		"20.0": {OK: true, First: 20, Last: 21, Batches: 1, Events: 2, Head: "21-cc"},
	}
	call := func(in api.VerifyQuery) (api.Verified, error) {
		if in.Head != "5-ee" {
			t.Errorf("the head that was noted is lost: %+v", in)
		}
		return pages[in.After], nil
	}
	want := api.Verified{OK: true, First: 3, Last: 21, Batches: 19, Events: 33, Head: "21-cc"}
	if got, err := verifyAll(nil, api.VerifyQuery{Head: "5-ee"}, call); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the walk found %+v, %v, want %+v", got, err, want)
	}
	pages["10.0"] = api.Verified{OK: false, First: 10, Broken: 15, Reason: "altered", Next: "15.0"}
	if got, err := verifyAll(nil, api.VerifyQuery{Head: "5-ee"}, call); err != nil || got.OK || got.Broken != 15 || got.First != 3 {
		t.Errorf("the walk found %+v, %v", got, err)
	}
	pages["10.0"] = api.Verified{OK: true, Next: "10.0"}
	if got, err := verifyAll(nil, api.VerifyQuery{Head: "5-ee"}, call); err == nil {
		t.Errorf("it goes in a circle: %+v", got)
	}
	trouble := errors.New("trouble")
	if _, err := verifyAll(nil, api.VerifyQuery{}, func(api.VerifyQuery) (api.Verified, error) { return api.Verified{OK: true, Next: "1.0"}, trouble }); !errors.Is(err, trouble) {
		t.Errorf("trouble is %v", err)
	}
}
