// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/connectd/connectd/config"
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connectors/postgrescdc"
)

// examination is how long a look at the servers of one file may take.
const examination = time.Minute

func newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor FILE…",
		Short: "Check connector files against the servers that they name",
		Long: "Checks what validate checks, and then looks at the world: is the server there, may the user do what the connector does,\n" +
			"what is missing, and which statement mends it. It changes nothing.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			bad := 0
			for _, f := range files {
				ok, err := examine(cmd.Context(), cmd.OutOrStdout(), f)
				if err != nil {
					return environmentError("%s: %w", f, err)
				}
				if !ok {
					bad++
				}
			}
			if bad > 0 {
				return configError("%d of %d connectors would not start", bad, len(files))
			}
			return nil
		},
	}
}

// examine prints what is wrong with a connector and reports whether it would start.
func examine(ctx context.Context, w io.Writer, path string) (bool, error) {
	if !validateFile(w, path) {
		return false, nil
	}
	c, err := config.ReadConnector(path)
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, examination)
	defer cancel()
	class := c.Config["connector.class"]
	postgres := postgrescdc.Plugin()
	if postgres.Matches(connect.KindSource, class) {
		fatal, err := postgrescdc.Doctor(ctx, c.Config, w)
		return !fatal, err
	}
	source := builtIn(&kafka.Clusters{}, &registry{url: defaultRegistry}).Source(class)
	if source == nil || source.Probe == nil {
		fmt.Fprintf(w, "%s: this connector has nothing to look at beforehand\n", path)
		return true, nil
	}
	parsed, _ := source.Config.Parse(c.Config)
	errs := source.Probe(ctx, parsed)
	for _, e := range errs {
		fmt.Fprintf(w, "%s: %s\n", path, e)
	}
	return len(errs) == 0, nil
}
