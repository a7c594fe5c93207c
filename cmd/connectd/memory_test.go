// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime/debug"
	"testing"
)

func TestTheUserSetsTheCollector(t *testing.T) {
	before := debug.SetGCPercent(123)
	defer debug.SetGCPercent(before)
	for _, c := range []struct {
		name, value string
		want        int
	}{
		{"GOGC", "200", 123}, {"GOMEMLIMIT", "1GiB", 123}, {"GOGC", "", collectAt},
	} {
		t.Run(c.name+"="+c.value, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(c.name, c.value)
			collectOften()
			if got := debug.SetGCPercent(123); got != c.want {
				t.Errorf("the collector is set to %d percent, want %d", got, c.want)
			}
		})
	}
}
