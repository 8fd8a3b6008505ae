package admin_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/audit"
)

// The audit says of what is out of reach what it says of what is nowhere: the tenant's own
// auditors read it.
func TestRefusalsTellNothingOfWhatIsThere(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	there := k.outside() // in another tenant
	nowhere := target{account: 1 << 40, parent: 1 << 40, key: 1 << 40, user: 1 << 40, session: 1 << 40, app: "no-app", lock: "nobody"}
	// Each id is replaced by its word, so that the texts can be compared.
	masked := func(t target, who string, op *api.Operation) (status int, body string, told []audit.Event) {
		n := len(k.events())
		status, body = k.ask(who, op, sample(op, t))
		for _, e := range k.events()[n:] {
			e.At = time.Time{}
			for _, id := range []int64{t.account, t.parent, t.key, t.user, t.session} {
				e.Detail = strings.ReplaceAll(e.Detail, " "+jsonID(id)+":", " ID:")
			}
			e.Detail = strings.ReplaceAll(e.Detail, t.app, "APP")
			told = append(told, e)
		}
		return status, body, told
	}
	unseen := 0
	for _, who := range []string{operatorAcme, operatorWest, auditorWest, ownerAcme} {
		for _, op := range api.Operations() {
			if strings.HasPrefix(op.Name, "audit") { // they ask for no id
				continue
			}
			s1, b1, e1 := masked(there, who, op)
			s2, b2, e2 := masked(nowhere, who, op)
			if s1 == http.StatusOK {
				continue
			}
			if s1 != s2 || b1 != b2 || len(e1) != len(e2) || len(e1) != 1 || e1[0] != e2[0] {
				t.Errorf("%s as %s: there %d %s %+v, nowhere %d %s %+v", op.Name, who, s1, b1, e1, s2, b2, e2)
				continue
			}
			if s1 == http.StatusNotFound {
				unseen++
				what, asked, _ := strings.Cut(e1[0].Detail, " ")
				if e1[0].Kind != audit.Refusal || !strings.Contains("account key user session app", what) || (asked != "ID: not found" && asked != `"APP": not found`) {
					t.Errorf("%s as %s tells %q", op.Name, who, e1[0].Detail)
				}
			}
		}
	}
	if unseen < 50 {
		t.Errorf("only %d were not found", unseen)
	}
	// Whoever reaches everywhere probes nothing.
	for _, op := range []*api.Operation{&api.KeyShow.Operation, &api.UserDelete.Operation, &api.SessionShow.Operation, &api.SessionEndAll.Operation} {
		if s, b, e := masked(nowhere, ownerAll, op); s != http.StatusNotFound || len(e) != 0 {
			t.Errorf("%s everywhere: %d %s %+v", op.Name, s, b, e)
		}
	}
}
