// SPDX-License-Identifier: Apache-2.0

//go:build crashpoints

package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// crashPoint makes the process kill itself, without any cleaning up, at a named
// point of the road: CONNECTD_CRASH_AT=point:n at the n-th time that it is passed.
func crashPoint() func(point string) {
	at, ok := os.LookupEnv("CONNECTD_CRASH_AT")
	if !ok {
		return nil
	}
	name, count, _ := strings.Cut(at, ":")
	n, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		n = 1
	}
	var passed atomic.Int64
	return func(point string) {
		if point != name || passed.Add(1) != n {
			return
		}
		fmt.Fprintf(os.Stderr, "crash point %s\n", point)
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			os.Exit(137)
		}
		select {}
	}
}
