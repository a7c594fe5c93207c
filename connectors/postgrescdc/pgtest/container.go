// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// container runs the server with docker or podman in the foreground: the client
// passes the signals it gets on to the server.
type container struct {
	tool string
	name string
	opts Options
	made bool
}

// newContainer returns nil if neither docker nor podman answers.
func newContainer(ctx context.Context, opts Options) *container {
	for _, tool := range []string{"docker", "podman"} {
		if exec.CommandContext(ctx, tool, "info").Run() == nil {
			return &container{tool: tool, name: "connectd-pgtest-" + strings.ToLower(rand.Text()[:10]), opts: opts}
		}
	}
	return nil
}

func (c *container) prepare(ctx context.Context) error {
	if exec.CommandContext(ctx, c.tool, "image", "inspect", c.opts.Image).Run() == nil {
		return nil
	}
	if out, err := exec.CommandContext(ctx, c.tool, "pull", c.opts.Image).CombinedOutput(); err != nil {
		return fmt.Errorf("pull image %s with %s: %w: %s", c.opts.Image, c.tool, err, lastLines(string(out), 3))
	}
	return nil
}

func (c *container) command(port int) *exec.Cmd {
	if c.made {
		return exec.Command(c.tool, "start", "--attach", c.name)
	}
	c.made = true
	return exec.Command(c.tool, c.runArgs(port)...)
}

func (c *container) runArgs(port int) []string {
	args := []string{"run", "--name", c.name,
		"--publish", "127.0.0.1:" + strconv.Itoa(port) + ":5432",
		"--env", "POSTGRES_HOST_AUTH_METHOD=trust",
		"--env", "POSTGRES_USER=" + c.opts.User,
		"--env", "POSTGRES_DB=postgres",
		c.opts.Image}
	settings := c.opts.settings()
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// remove deletes the container with its data.
func (c *container) remove(ctx context.Context) error {
	if !c.made {
		return nil
	}
	c.made = false
	if out, err := exec.CommandContext(ctx, c.tool, "rm", "--force", "--volumes", c.name).CombinedOutput(); err != nil {
		return fmt.Errorf("remove container %s: %w: %s", c.name, err, lastLines(string(out), 3))
	}
	return nil
}

// ready says yes: what runs in the container is asked by connecting.
func (c *container) ready(int) bool { return true }

// refusal knows none: a container that could not publish its port stays, and keeps
// the port it was made with.
func (c *container) refusal(string) refusal { return otherRefusal }
