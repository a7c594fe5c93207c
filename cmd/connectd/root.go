// SPDX-License-Identifier: Apache-2.0

package main

import (
	"github.com/spf13/cobra"

	"github.com/connectd/connectd/connect"
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
		Args: knownCommand,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &exitError{exitConfig, err} })
	root.AddCommand(newRun(), newValidate(), newDoctor(), newPlugins(), newVersion())
	return root
}

// knownCommand refuses a command that there is not, with the nearest one.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	hint := "connectd help lists the commands"
	if near := connect.Nearest(args[0], names); near != "" {
		hint = "did you mean " + near + "?"
	}
	return configError("there is no command %q (%s)", args[0], hint)
}
