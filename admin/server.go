package admin

import (
	"context"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/auth"
)

// ServerShow shows what runs. A caller whose role does not reach everywhere sees the
// mounts over which its own tenant logs in.
func (a *Admin) ServerShow(ctx context.Context, by *auth.Caller, from auth.Origin, _ api.Nothing) (out api.Server, err error) {
	if _, err := a.begin(ctx, &api.ServerShow.Operation, by, from); err != nil {
		return out, err
	}
	out = api.Server{Version: a.version, Now: a.service.Now().UTC(), Healthy: true, Mounts: []api.Mount{},
		You: api.You{Subject: by.Subject, Path: by.PathRefs, Power: wirePower(by.Role, by.Everywhere)}}
	if err := a.service.Healthy(ctx); err != nil {
		out.Healthy = false
		if by.Everywhere {
			out.Trouble = err.Error()
		}
	}
	for _, m := range a.mounts {
		if by.Everywhere || m.Tenant == "" || m.Tenant == by.Tenant.Code {
			out.Mounts = append(out.Mounts, wireMount(&m))
		}
	}
	return out, nil
}

func wireMount(m *MountInfo) api.Mount {
	answer := string(m.FairUse.Answer)
	if m.FairUse.Answer == auth.AnswerReport {
		answer = "report"
	}
	return api.Mount{Name: m.Name, Dialect: m.Dialect, Title: m.Title, Hosts: m.Hosts, Prefix: m.Prefix, Tenant: m.Tenant,
		Life: wireLife(&m.Policy), FairUse: m.FairUse.Logins, FairAnswer: answer}
}
