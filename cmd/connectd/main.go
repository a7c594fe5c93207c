// SPDX-License-Identifier: Apache-2.0

// Command connectd is the daemon: one worker with its REST admin, and, where no
// Kafka cluster is named, an embedded broker. plugins.go is the list of what it can
// run.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	root := newRoot()
	err := root.ExecuteContext(context.Background())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "connectd: "+err.Error())
	os.Exit(exitCode(err))
}
