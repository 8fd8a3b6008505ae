package main

import (
	"context"

	"github.com/sallyport/sallyport/admin/api"
	"github.com/sallyport/sallyport/client"
	"github.com/spf13/cobra"
)

func newServer() *cobra.Command {
	to := new(target)
	show := operation[api.Nothing, api.Server]{op: &api.ServerShow,
		call: func(c *client.Client, ctx context.Context, _ api.Nothing) (api.Server, error) {
			return c.ServerShow(ctx)
		},
		show:   showServer,
		beside: "This is the database as this command opened it. What a server that runs on it says, it says over --server."}
	return group("server", "What runs (sallyport serve runs it)", to, show.command(to))
}

func showServer(s *screen, out *api.Server) error {
	if err := record(s, out); err != nil {
		return err
	}
	if err := s.line("\nyou"); err != nil {
		return err
	}
	if err := record(s, &out.You); err != nil {
		return err
	}
	if err := s.line(""); err != nil {
		return err
	}
	return table(s, out.Mounts, "name", "dialect", "title", "hosts", "prefix", "tenant", "fair_answer")
}
