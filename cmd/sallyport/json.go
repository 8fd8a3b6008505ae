package main

import (
	"encoding/json"
	"io"

	"github.com/spf13/cobra"
)

// addJSON gives a command the flag that all commands have which print something.
func addJSON(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON, for programs")
}

// writeJSON writes a value as one line, as the API writes it.
func writeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
