package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/sallyport/sallyport/audit"
	"github.com/sallyport/sallyport/auth"
	"github.com/sallyport/sallyport/secret"
)

// A survey tells who has power, and the store that is open does not notice it.
func TestLook(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	s := openTest(t, path, Options{})
	at := time.Unix(1700000000, 0).UTC()
	err := s.Update(t.Context(), func(tx auth.Tx) error {
		a := auth.Account{Level: auth.Tenant, Code: "ACME"}
		if err := tx.PutAccount(&a); err != nil {
			return err
		}
		tenant := a.ID
		for i, k := range []auth.Key{
			{Name: "client"},
			{Name: "delegate", Role: auth.Delegate},
			{Name: "gate", Role: auth.Verifier, Everywhere: true, Expires: at},
			{Name: "gone", Role: auth.Operator, Disabled: true},
		} {
			k.Account, k.Digest = tenant, secret.Digest{byte(i)}
			if err := tx.PutKey(&k); err != nil {
				return err
			}
		}
		if err := tx.PutUser(&auth.User{Tenant: tenant, Account: tenant, Name: "ann", Active: true, Role: auth.Owner, Factor: "x"}); err != nil {
			return err
		}
		if err := tx.PutUser(&auth.User{Tenant: tenant, Account: tenant, Name: "bob", Role: auth.Owner}); err != nil {
			return err
		}
		return tx.Record(audit.Event{At: at, Kind: audit.Change})
	})
	if err != nil {
		t.Fatal(err)
	}
	found, err := Look(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	want := []Power{
		{Account: "ACME", Name: "ann", User: true, Role: auth.Owner, Anywhere: true, Factor: true},
		{Account: "ACME", Name: "gate", Role: auth.Verifier, Everywhere: true, Anywhere: true, Expires: at},
	}
	if !reflect.DeepEqual(found.Powers, want) {
		t.Errorf("powers are %+v\nwant %+v", found.Powers, want)
	}
	if found.Schema != found.Known || found.Known < 5 || len(found.Tenants) != 1 || found.Tenants[0].Code != "ACME" || !found.Newest.Equal(at) {
		t.Errorf("found %+v", found)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	execute(t, path, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, 1)")
	if found, err = Look(t.Context(), path); err != nil || found.Schema != 4711 || len(found.Powers) != 0 {
		t.Errorf("of a newer one: %+v, %v", found, err)
	}
	foreign := filepath.Join(t.TempDir(), "foreign.db")
	execute(t, foreign, "CREATE TABLE mine (x)")
	if _, err := Look(t.Context(), foreign); !errors.Is(err, ErrForeign) {
		t.Errorf("of another program's: %v", err)
	}
	if _, err := Look(t.Context(), filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of none: %v", err)
	}
}
