// SPDX-License-Identifier: Apache-2.0

package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// TestDiskFull: the embedded broker's disk is full. The daemon ends with exit code 3
// and one clear line, and goes on where it was when there is space again.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	d := harness.New(t, harness.Settings{Properties: map[string]string{"embedded.broker.listener": "127.0.0.1:0"}})
	if os.Getenv("CONNECTD_TEST_KAFKA") != "" {
		d.Unset("bootstrap.servers")
	}
	dir := filepath.Join(d.Dir, "data", "broker")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	disk, err := harness.SmallDisk(t, dir, 24)
	if err != nil {
		t.Logf("nothing is tested, since this system does not let tests mount a disk: %v", err)
		return
	}
	d.SetWithin(disk.Within()...)
	d.Start()
	feed, check := oneKeyJob(t, d)
	for range 10 {
		feed()
	}
	check()
	for range 2 { // the second time, the disk is full from the beginning
		fillDisk(t, d, feed)
		d.Launch()
	}
	d.Kill()
	disk.Resize(256)
	d.Start()
	for range 10 {
		feed()
	}
	check()
}

// fillDisk produces until the daemon gives up.
func fillDisk(t *testing.T, d *harness.Daemon, feed func()) {
	t.Helper()
	large := harness.Record{Key: "large", Value: strings.Repeat("x", 512<<10)}
	harness.Eventually(t, "the disk is full", func() error {
		if !d.Running() {
			return nil
		}
		if !d.Ready() {
			return os.ErrNotExist
		}
		feed()
		// An error is what the test is about: the disk is full, or the daemon has ended.
		_ = d.TryProduce(d.Name("large"), large, large)
		return os.ErrExist
	})
	if code := d.WaitExit(); code != 3 {
		t.Errorf("the exit code is %d, want 3:\n%s", code, d.Output())
	}
	var said []string
	for _, line := range strings.Split(d.Output(), "\n") {
		if strings.HasPrefix(line, "connectd: ") {
			said = append(said, line)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], "no space left on device") {
		t.Errorf("no clear line says that the disk is full: %q in\n%s", said, d.Output())
	}
}
