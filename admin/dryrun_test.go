package admin_test

import (
	"testing"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
)

// A dry run of a revocation is asked by whoever may read sessions, of what is in its
// reach, and is no change; the real one is not theirs.
func TestAuditorsAskWhatWouldEnd(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	before := k.state()
	for who, want := range map[string]int{auditorAll: 1, auditorWest: 1, operatorWest: 1, ownerAll: 1} {
		out, err := k.as(who).SessionEndAll(t.Context(), api.EndAll{Account: k.west, DryRun: true})
		if err != nil || out.Ended != want || !out.DryRun {
			t.Errorf("%s hears %+v, %v", who, out, err)
		}
	}
	if out, err := k.as(auditorWest).SessionEndAll(t.Context(), api.EndAll{Key: k.key, DryRun: true}); err != nil || out.Ended != 1 {
		t.Errorf("of a key: %+v, %v", out, err)
	}
	if got := k.state(); got != before || !k.live(k.keySession) {
		t.Errorf("a dry run changed something:\n%s\n%s", before, got)
	}
	if _, err := k.as(verifierAll).SessionEndAll(t.Context(), api.EndAll{Account: k.west, DryRun: true}); err == nil {
		t.Error("a verifier is told what would end")
	}
	for _, in := range []api.EndAll{{Account: k.acme, DryRun: true}, {Account: k.other, DryRun: true}, {Key: k.outsideKey, DryRun: true}} {
		if _, err := k.as(auditorWest).SessionEndAll(t.Context(), in); !client.HasCode(err, api.NotFound) {
			t.Errorf("out of reach, %+v: %v", in, err)
		}
	}
	if _, err := k.as(auditorAll).SessionEndAll(t.Context(), api.EndAll{Account: k.west}); !client.HasCode(err, api.Forbidden) || !k.live(k.keySession) {
		t.Errorf("an auditor's real run: %v", err)
	}
	events, err := k.as(ownerAll).AuditSearch(t.Context(), api.AuditQuery{EventFilter: api.EventFilter{Kind: "revocation"}})
	if err != nil || len(events.Items) != 0 {
		t.Errorf("dry runs were recorded as %+v, %v", events, err)
	}
	doc := parsed(t)
	if got := at(doc, "paths", api.SessionEndAll.Path, "post", "x-sallyport-right-dry-run"); got != "read" {
		t.Errorf("the document says %v of it", got)
	}
}
