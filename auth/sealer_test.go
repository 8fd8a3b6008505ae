package auth_test

import (
	"testing"
	"testing/synctest"
)

func TestSealerFollowsTheKeySet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKit(t)
		ours, others := k.service.Sealer("test"), k.service.Sealer("other")
		before := ours.Seal("text")
		if plain, ok := ours.Open(before); !ok || plain != "text" {
			t.Fatalf("opens to %q, %v", plain, ok)
		}
		if _, ok := others.Open(before); ok {
			t.Error("opens for another use")
		}
		rotated, err := k.keys.Rotate()
		if err != nil {
			t.Fatal(err)
		}
		k.service.SetKeys(rotated)
		if plain, ok := ours.Open(before); !ok || plain != "text" {
			t.Errorf("after a rotation it opens to %q, %v", plain, ok)
		}
		after := ours.Seal("text")
		if plain, ok := k.service.Sealer("test").Open(after); !ok || plain != "text" {
			t.Errorf("what is sealed after a rotation opens to %q, %v", plain, ok)
		}
		// Under the new key, which the old set does not have.
		if _, ok := k.keys.Sealer("test").Open(after); ok {
			t.Error("a rotated set still seals under the old key")
		}
	})
}
