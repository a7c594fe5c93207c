// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"time"

	"github.com/connectd/connectd/connect/backoff"
)

// watcher wakes a task when its files may have changed. It is for one goroutine.
type watcher interface {
	// addFile and addDir make wait return when the file grows, or when a name in the
	// directory changes. Adding twice is adding once.
	addFile(path string)
	addDir(path string)
	// reports says that changes wake wait; else it only sleeps.
	reports() bool
	// wait returns after a change, after the pause, or with the end of ctx. It reports
	// whether names may have changed.
	wait(ctx context.Context, pause time.Duration) bool
	close() error
}

// sleeper is the watcher of systems that report nothing.
type sleeper struct{}

func (sleeper) addFile(string) {}
func (sleeper) addDir(string)  {}
func (sleeper) reports() bool  { return false }
func (sleeper) close() error   { return nil }

func (sleeper) wait(ctx context.Context, pause time.Duration) bool {
	backoff.Wait(ctx, pause)
	return false
}
