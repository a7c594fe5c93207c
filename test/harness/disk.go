// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// Disk is a file system of a bounded size that only processes of its own see.
type Disk struct {
	t      testing.TB
	holder *exec.Cmd
	dir    string
}

// SmallDisk mounts a disk of this many megabytes on a directory, until the end of the
// test. It returns an error where the system does not allow that.
func SmallDisk(t testing.TB, dir string, megabytes int) (*Disk, error) {
	t.Helper()
	args := []string{"--mount"}
	if os.Geteuid() != 0 {
		args = []string{"--user", "--map-root-user", "--mount"}
	}
	// The mount lives as long as a process in its namespace: one that waits for the end
	// of its input.
	script := fmt.Sprintf("mount -t tmpfs -o size=%dm tmpfs '%s' && echo mounted && exec cat", megabytes, dir)
	cmd := exec.Command("unshare", append(args, "sh", "-c", script)...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if line != "mounted\n" {
		in.Close()
		return nil, fmt.Errorf("mount a small disk: %w: %s", cmd.Wait(), complaint.String())
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the holder of the small disk: %v", err)
		}
	})
	return &Disk{t, cmd, dir}, nil
}

// Within is the command that lets a process see the disk; see Settings.Within.
func (k *Disk) Within() []string {
	within := []string{"nsenter", "--target", strconv.Itoa(k.holder.Process.Pid), "--mount"}
	if os.Geteuid() != 0 {
		within = append(within, "--user", "--preserve-credentials")
	}
	return append(within, "--")
}

// Resize changes the size of the disk.
func (k *Disk) Resize(megabytes int) {
	k.t.Helper()
	command := append(k.Within(), "mount", "-o", fmt.Sprintf("remount,size=%dm", megabytes), k.dir)
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		k.t.Fatalf("resize the small disk: %v: %s", err, out)
	}
}
