// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const (
	database = "postgres"
	// installTime is how long finding, or installing, and starting a server may take.
	installTime = 5 * time.Minute
	// loaded is how many orders are written while the table changes and the daemon dies.
	loaded = 300
)

// orders is the third story: a table of Postgres as a topic of changes, while the table
// gets a column and the daemon is killed.
func orders(ctx context.Context, d *daemon) (err error) {
	say("Third story: the changes of a Postgres table. A private server is started; an existing one is not touched.")
	// What is missing is installed first, which takes its own time.
	installed, cancel := context.WithTimeout(ctx, installTime)
	defer cancel()
	srv, err := pgtest.Start(installed, "", pgtest.Options{})
	if err != nil && os.Getenv("CI") == "" {
		say("There is no Postgres here, so this story is left out: %v", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	ctx, done := context.WithTimeout(ctx, storyTime)
	defer done()
	if err := srv.Exec(ctx, database, `CREATE TABLE orders (id serial PRIMARY KEY, customer text NOT NULL, quantity int NOT NULL);
		INSERT INTO orders (customer, quantity) VALUES ('ann', 1), ('bob', 2)`); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := rows(ctx, d, srv); err != nil {
		return err
	}
	if err := underLoad(ctx, d, srv); err != nil {
		return err
	}
	say("Stop the daemon and the server.")
	return d.process.Stop(ctx)
}

func rows(ctx context.Context, d *daemon, srv *pgtest.Server) error {
	say("POST orders.json: table orders → topic shop.public.orders, as Avro. POST orders-print.json. The rows that are there:")
	before := d.lines()
	if err := d.postWith(ctx, filepath.Join(connectors, "orders.json"), map[string]string{"database.port": strconv.Itoa(srv.Port())}); err != nil {
		return err
	}
	if err := d.post(ctx, filepath.Join(connectors, "orders-print.json")); err != nil {
		return err
	}
	if err := d.waitLines(ctx, before+2); err != nil {
		return err
	}
	say("INSERT cid, UPDATE ann, DELETE bob:")
	if err := srv.Exec(ctx, database, `INSERT INTO orders (customer, quantity) VALUES ('cid', 3)`); err != nil {
		return err
	}
	if err := srv.Exec(ctx, database, `UPDATE orders SET quantity = 7 WHERE customer = 'ann'`); err != nil {
		return err
	}
	if err := srv.Exec(ctx, database, `DELETE FROM orders WHERE customer = 'bob'`); err != nil {
		return err
	}
	return d.waitLines(ctx, before+5)
}

// underLoad writes orders, one transaction each, while the table gets a column and the
// daemon is killed and started again.
func underLoad(ctx context.Context, d *daemon, srv *pgtest.Server) error {
	if err := d.call(ctx, "DELETE", "/connectors/orders-print", nil, nil); err != nil {
		return err
	}
	if err := d.post(ctx, filepath.Join(connectors, "orders-file.json")); err != nil {
		return err
	}
	say("%d orders are written, one after the other. Meanwhile: ALTER TABLE orders ADD COLUMN delivery_id int NOT NULL DEFAULT 0, and kill -9.", loaded)
	half, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- load(ctx, srv, half) }()
	<-half
	if err := errors.Join(d.kill(), d.start(ctx)); err != nil {
		return errors.Join(err, <-done)
	}
	if err := <-done; err != nil {
		return err
	}
	text := ""
	if err := d.waitUntil(ctx, "all orders are in orders.txt", func(context.Context) error {
		var err error
		text, err = delivered(filepath.Join(d.dir, "orders.txt"))
		return err
	}); err != nil {
		return err
	}
	d.show(text)
	say("The versions of the schema in the registry, and the field that the second one has more:")
	versions, err := d.ask(ctx, "/subjects/shop.public.orders-value/versions")
	if err != nil {
		return err
	}
	latest, err := d.ask(ctx, "/subjects/shop.public.orders-value/versions/latest/schema")
	if err != nil {
		return err
	}
	d.show(versions)
	d.show(regexp.MustCompile(`\{"name":"delivery_id".*?"default":0\}`).FindString(latest))
	return nil
}

// load writes orders; at a third the table changes, at the half it says so.
func load(ctx context.Context, srv *pgtest.Server, half chan<- struct{}) error {
	defer close(half)
	for i := range loaded {
		if i == loaded/3 {
			if err := srv.Exec(ctx, database, "ALTER TABLE orders ADD COLUMN delivery_id int NOT NULL DEFAULT 0"); err != nil {
				return err
			}
		}
		if i == loaded/2 {
			half <- struct{}{}
		}
		if err := srv.Exec(ctx, database, fmt.Sprintf("INSERT INTO orders (customer, quantity) VALUES ('load', %d)", i)); err != nil {
			return err
		}
	}
	return nil
}

var loadRow = regexp.MustCompile(`customer=load,quantity=(\d+)`)

// delivered says how often each order is in the file; it fails until all are.
func delivered(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	found := loadRow.FindAllSubmatch(text, -1)
	seen := map[string]bool{}
	for i, m := range found {
		seen[string(m[1])] = true
		if string(m[1]) != strconv.Itoa(i) && len(found) >= loaded {
			return "", fmt.Errorf("record %d is order %s", i, m[1])
		}
	}
	if len(seen) < loaded {
		return "", fmt.Errorf("%d of %d orders are there", len(seen), loaded)
	}
	return fmt.Sprintf("%d orders were written, %d records arrived, %d different ones, in order", loaded, len(found), len(seen)), nil
}

// postWith creates the connector of a file with other values for some keys.
func (d *daemon) postWith(ctx context.Context, path string, with map[string]string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var c struct {
		Name   string            `json:"name"`
		Config map[string]string `json:"config"`
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	for k, v := range with {
		c.Config[k] = v
	}
	if text, err = json.Marshal(c); err != nil {
		return err
	}
	return d.call(ctx, "POST", "/connectors", text, nil)
}

// ask makes a GET to the registry.
func (d *daemon) ask(ctx context.Context, path string) (string, error) {
	status, text, err := process.Do(ctx, "GET", d.registry+path, nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("GET %s: %d: %s", path, status, text)
	}
	return string(text), err
}
