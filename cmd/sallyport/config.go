package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sallyport/sallyport/config"
	"github.com/spf13/cobra"
)

// defaultConfig is what sallyport init writes.
const defaultConfig = "config.yaml"

var errNoConfig = errors.New("say which: --config FILE; there is no " + defaultConfig + " here")

// addConfig gives a command the flag that names the server's configuration. Without it
// it is the one in the working directory, as with the operations.
func addConfig(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVarP(file, "config", "c", "", "the server's configuration (default "+defaultConfig+" in the working directory)")
	cmd.PreRunE = func(*cobra.Command, []string) error { return findConfig(file) }
}

func findConfig(file *string) error {
	if *file != "" {
		return nil
	}
	if !there(defaultConfig) {
		return errNoConfig
	}
	*file = defaultConfig
	return nil
}

// loadConfig reads the file that --config names.
func loadConfig(path string) (*config.Config, error) {
	c, err := config.Load(path)
	return c, named("--config", path, err)
}

// named tells which flag names a file that cannot be read.
func named(flag, path string, err error) error {
	var cannot *fs.PathError
	if !errors.As(err, &cannot) || cannot.Path != path {
		return err
	}
	return fmt.Errorf("%s: cannot read %s: %w: name a file that can be read", flag, path, cannot.Err)
}
