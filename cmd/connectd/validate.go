// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/connectd/connectd/config"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/worker"
)

func newValidate() *cobra.Command {
	return &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check connector files, without a daemon",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			bad := 0
			for _, f := range files {
				if !validateFile(cmd.OutOrStdout(), f) {
					bad++
				}
			}
			if bad > 0 {
				return configError("%d of %d connector files cannot be used", bad, len(files))
			}
			return nil
		},
	}
}

// validateFile prints what is wrong with a file and reports whether it can be used.
func validateFile(w io.Writer, path string) bool {
	c, err := config.ReadConnector(path)
	if err != nil {
		fmt.Fprintln(w, err)
		return false
	}
	infos, err := worker.Validate(builtIn(&kafka.Clusters{}, &registry{url: defaultRegistry}), worker.OverridePolicy{Name: "All"}, c.Config)
	if err != nil {
		fmt.Fprintf(w, "%s: %v\n", path, err)
		return false
	}
	for _, warning := range infos.Warnings {
		fmt.Fprintf(w, "%s: warning: %s\n", path, warning)
	}
	for _, e := range infos.Errors() {
		fmt.Fprintf(w, "%s: %s\n", path, e)
	}
	if infos.ErrorCount > 0 {
		return false
	}
	fmt.Fprintf(w, "%s: connector %s can be used\n", path, c.Name)
	return true
}
