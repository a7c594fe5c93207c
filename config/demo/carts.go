// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

const (
	connectors = "config/connectors"
	input      = "config/demo/cart-join.json"
)

// carts is the first story: a stateful join that meets a bad line, dies, is
// repaired and goes on where it stopped.
func carts(ctx context.Context, d *daemon) error {
	text, err := os.ReadFile(input)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "cart-join.json"), text, 0o600); err != nil {
		return err
	}
	say("Start the daemon: nothing is installed, so it brings its own Kafka broker.")
	if err := d.start(ctx); err != nil {
		return err
	}
	say("The input is a file of orders and payments. Line 6 of 8 is not JSON:")
	d.show(string(text))
	if err := failAtTheBadLine(ctx, d); err != nil {
		return err
	}
	say("Kill the daemon with SIGKILL, and start it again on the same directory.")
	if err := d.kill(); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := repair(ctx, d); err != nil {
		return err
	}
	say("Nothing was lost and nothing came twice. Stop the daemon.")
	return d.process.Stop(ctx)
}

func failAtTheBadLine(ctx context.Context, d *daemon) error {
	say("POST carts.json: file → CartJoin, with state by user → topic carts.")
	say("POST carts-print.json: topic carts → standard output. This is what arrives:")
	for _, name := range []string{"carts", "carts-print"} {
		if err := d.post(ctx, filepath.Join(connectors, name+".json")); err != nil {
			return err
		}
	}
	if err := d.waitLines(ctx, 5); err != nil {
		return err
	}
	trace, err := d.waitFailed(ctx, "carts")
	if err != nil {
		return err
	}
	// Standard output is at least once: what is printed after its offset was committed
	// is not printed again.
	if err := d.waitOffset(ctx, "carts-print", 5); err != nil {
		return err
	}
	say("Five carts arrived, then the task failed. GET /connectors/carts/status says why:")
	d.show(firstLine(trace))
	return nil
}

func repair(ctx context.Context, d *daemon) error {
	say("The task is still FAILED. PATCH its configuration: bad lines go to the topic carts-errors.")
	patch, err := json.Marshal(map[string]string{"errors.tolerance": "all", "errors.deadletterqueue.topic.name": "carts-errors"})
	if err != nil {
		return err
	}
	if err := d.call(ctx, "PATCH", "/connectors/carts/config", patch, nil); err != nil {
		return err
	}
	say("It goes on at line 6, with the state it had. The two carts that were missing:")
	if err := d.waitLines(ctx, 7); err != nil {
		return err
	}
	say("POST carts-errors-print.json: the bad line, with the headers that say what went wrong:")
	before := d.lines()
	if err := d.post(ctx, filepath.Join(connectors, "carts-errors-print.json")); err != nil {
		return err
	}
	return d.waitLines(ctx, before+1)
}
