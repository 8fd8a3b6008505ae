package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newAudit() *cobra.Command {
	to := new(target)
	search := list(&api.AuditSearch, (*client.Client).AuditSearch, func(in *api.AuditQuery) *api.Page { return &in.Page },
		"at", "kind", "account", "subject", "actor", "dialect", "source", "reason", "session", "count", "detail").command(to)
	search.Example = "  sallyport audit search --account 123456 --kind refusal --since 2h"
	verify := operation[api.VerifyQuery, api.Verified]{op: &api.AuditVerify, call: (*client.Client).AuditVerify, show: record[api.Verified],
		each: verifyAll, verdict: func(out *api.Verified) error {
			if out.OK {
				return nil
			}
			if out.Broken == 0 {
				return fmt.Errorf("nothing says that the audit is whole: %s", out.Reason)
			}
			return fmt.Errorf("the audit is not whole: batch %d: %s", out.Broken, out.Reason)
		}}
	verified := verify.command(to)
	verified.Long += "\nIt walks to the end, and exits with 1 if anything is wrong. Up to the batch sealed the key set\n" +
		"vouches for the audit. Note the head that it prints elsewhere: with --head a later walk tells\n" +
		"whether what was there then still is, even if an older state was put back with its seal."
	export := exportAudit(to)
	export.Example = "  sallyport audit export --since 30d >audit.jsonl"
	return group("audit", "What happened, and proof that the record of it is whole", to, search, export, verified)
}

// verifyAll goes on where each answer stops.
func verifyAll(_ *request, in api.VerifyQuery, call caller[api.VerifyQuery, api.Verified]) (api.Verified, error) {
	sum, err := call(in)
	for err == nil && sum.OK && sum.Next != "" {
		if sum.Next == in.After {
			return sum, errors.New("audit verify: the server does not go on")
		}
		in.After = sum.Next
		var part api.Verified
		part, err = call(in)
		part.First, part.Batches, part.Events = sum.First, sum.Batches+part.Batches, sum.Events+part.Events
		sum = part
	}
	return sum, err
}

// exportAudit is the one operation whose answer is a stream: lines of JSON, for people
// too.
func exportAudit(to *target) *cobra.Command {
	copied := operation[api.AuditRange, api.Lines]{op: &api.AuditExport,
		call: func(*client.Client, context.Context, api.AuditRange) (api.Lines, error) { return api.Lines{}, nil },
		each: func(r *request, in api.AuditRange, _ caller[api.AuditRange, api.Lines]) (out api.Lines, err error) {
			stream, err := r.AuditExport(r.ctx(), in)
			if err != nil {
				return out, err
			}
			defer func() { err = errors.Join(err, stream.Close()) }()
			if _, err := io.Copy(r.OutOrStdout(), stream); err != nil {
				return out, fmt.Errorf("audit export: it broke off and is not whole: %w", err)
			}
			return out, nil
		}}
	return copied.command(to)
}
