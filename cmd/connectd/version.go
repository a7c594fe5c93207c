// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker in releases.
var version = "dev"

// compatible is the version of Kafka Connect whose REST contract is followed; it
// is what GET / answers, since tools decide by it what they may call.
const compatible = "4.3.1"

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "connectd %s (commit %s, %s, Kafka Connect REST %s)\n",
				version, commit(), runtime.Version(), compatible)
			return err
		},
	}
}

// commit is the revision that the binary was built from, if the build recorded it.
func commit() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 16)]
		}
	}
	return "unknown"
}
