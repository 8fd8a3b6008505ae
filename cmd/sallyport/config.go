package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sallyport/sallyport/config"
)

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
