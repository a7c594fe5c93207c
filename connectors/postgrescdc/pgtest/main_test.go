// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// startAndHang makes the test binary a process that starts a server, prints its pid
// and directory and waits to be killed.
const startAndHang = "PGTEST_START_AND_HANG"

func TestMain(m *testing.M) {
	if os.Getenv(startAndHang) != "" {
		srv, err := Start(context.Background(), "", Options{})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(srv.Pid(), srv.dir)
		select {}
	}
	goleak.VerifyTestMain(Runner{M: m})
}
