package server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
)

// The API is on the admin listener and nowhere else, and asks who it is.
func TestAPIIsOnTheAdminListener(t *testing.T) {
	s := withAdmin(t)
	if status, body, h := asked(t, s, "/admin/v1/accounts", nil); status != 401 || !strings.HasPrefix(h.Get("WWW-Authenticate"), "Basic ") {
		t.Errorf("without a name: %d %v %s", status, h, body)
	}
	if status, body, _ := asked(t, s, "/admin/v1/openapi.json", nil); status != 200 || !strings.Contains(body, `"openapi": "3.1.0"`) {
		t.Errorf("the document: %d %.100s", status, body)
	}
	if status, body, _ := asked(t, s, "/admin/v1/openapi.json", func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }); status != 403 {
		t.Errorf("for a page from elsewhere: %d %.100s", status, body)
	}
	if status, body := get(t, s, "/admin/v1/openapi.json"); status != 404 {
		t.Errorf("to everybody: %d %.100s", status, body)
	}
}

// From an empty database to an administrator who asks over the network: who has the
// files in hands makes the first, beside the server.
func TestFirstAdministrator(t *testing.T) {
	cfg := configured(t.TempDir())
	cfg.Admin.Listen = "127.0.0.1:0"
	if _, err := OpenAdmin(t.Context(), cfg, AdminOptions{Name: "root", Version: "1.2.3", Log: io.Discard}); !errors.Is(err, ErrNoDatabase) || !missing(cfg.Keys) {
		t.Errorf("without a database: %v", err)
	}
	s, _ := start(t, cfg)
	local, err := OpenAdmin(t.Context(), cfg, AdminOptions{Name: "root", Version: "1.2.3", Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	c := client.InProcess(local)
	tenant, err := c.AccountCreate(t.Context(), api.NewAccount{Code: "HQ"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := c.KeyCreate(t.Context(), api.NewKey{Account: tenant.ID, Name: "first", Power: api.Power{Role: "owner", Everywhere: true}})
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.AuditSearch(t.Context(), api.AuditQuery{EventFilter: api.EventFilter{Reason: "key create"}})
	if err != nil || len(events.Items) != 1 || events.Items[0].Actor != "root" {
		t.Errorf("recorded %+v, %v", events, err)
	}
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	remote, err := client.New(client.Options{URL: "http://" + s.AdminAddr().String(), Account: "HQ", Secret: key.Secret})
	if err != nil {
		t.Fatal(err)
	}
	show, err := remote.ServerShow(t.Context())
	if err != nil || !show.Healthy || show.You.Subject != "first" || len(show.Mounts) != len(cfg.Mounts) || show.Mounts[0].Title == "" {
		t.Errorf("the server shows %+v, %v", show, err)
	}
	stream, err := remote.AuditExport(t.Context(), api.AuditRange{})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	all, err := io.ReadAll(stream)
	if err != nil || strings.Count(string(all), "\n") < 3 || !strings.Contains(string(all), `"kind":"export"`) {
		t.Errorf("exported %v:\n%s", err, all)
	}
}
