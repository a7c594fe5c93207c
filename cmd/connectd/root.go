// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"
)

const quickStart = `connectd moves records between files, databases and Kafka topics, through transforms with
state, and commits all of it atomically. It speaks Kafka Connect's REST API and runs
its connector configurations.

Quick start:
  connectd run                                   an embedded broker on 127.0.0.1:9092, REST on 127.0.0.1:8083
  curl -X POST -H 'Content-Type: application/json' --data @connector.json http://127.0.0.1:8083/connectors
  curl http://127.0.0.1:8083/connectors/NAME/status

On a Kafka cluster:
  connectd run -c worker.properties              the worker file of Kafka Connect, as it is`

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "connectd",
		Short:         "Stream changes, transform them with state, exactly once",
		Long:          quickStart,
		SilenceUsage:  true,
		SilenceErrors: true,
		// Without a command: the help, which has the quick start.
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args: cobra.NoArgs,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitConfig, err} })
	root.AddCommand(newRun(), newValidate(), newPlugins(), newVersion())
	return root
}
