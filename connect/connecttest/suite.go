// SPDX-License-Identifier: Apache-2.0

package connecttest

import (
	"testing"

	"go.uber.org/goleak"
)

// suiteCase is one case of a suite, for drivers of type D.
type suiteCase[D any] struct {
	name string
	run  func(t *testing.T, d D)
}

// runSuite runs each case on a fresh driver and fails it if goroutines stay behind.
func runSuite[D any](t *testing.T, fresh func(t *testing.T) D, cases []suiteCase[D]) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			leaks := goleak.IgnoreCurrent()
			c.run(t, fresh(t))
			goleak.VerifyNone(t, leaks)
		})
	}
}
