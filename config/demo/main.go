// SPDX-License-Identifier: Apache-2.0

// Command demo shows connectd at work, in under a minute: it starts the daemon in a
// directory of its own, posts the connectors of config/connectors through REST, and
// says what is happening in between. Everything else that it prints comes out of the
// daemon. It leaves nothing running and nothing behind.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// storyTime is how long one story may take at most; all together take a few seconds.
const storyTime = 55 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: demo PATH-OF-CONNECTD")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "demo: "+err.Error())
		os.Exit(1)
	}
}

func run(ctx context.Context, binary string) (err error) {
	binary, err = filepath.Abs(binary)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "connectd-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	d := &daemon{binary: binary, dir: dir, out: os.Stdout}
	defer func() { err = errors.Join(err, d.kill()) }()
	defer func() {
		if err != nil {
			fmt.Fprintf(os.Stderr, "\nthe daemon's log:\n%s\n", d.log.String())
		}
	}()
	if err := told(ctx, d, carts); err != nil {
		return err
	}
	if err := told(ctx, d, sales); err != nil {
		return err
	}
	return orders(ctx, d)
}

func told(ctx context.Context, d *daemon, story func(context.Context, *daemon) error) error {
	ctx, cancel := context.WithTimeout(ctx, storyTime)
	defer cancel()
	return story(ctx, d)
}

// say prints one paragraph between what the daemon prints.
func say(format string, args ...any) {
	fmt.Printf("\n▸ "+format+"\n", args...)
}
