// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/connectd/connectd/cmd/connectd/process"
)

// sales is the second story: JSON lines become Avro records of a declared schema, are
// validated into two topics, and get a further field while old and new readers run.
func sales(ctx context.Context, d *daemon) error {
	say("Second story: sales as Avro. The daemon has a schema registry inside.")
	for _, name := range []string{"sale-1.avsc", "sale-2.avsc"} {
		if err := d.copyIn(filepath.Join("config/schemas", name), name); err != nil {
			return err
		}
	}
	if err := d.copyIn("config/demo/sales-1.json", "sales.json"); err != nil {
		return err
	}
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := validated(ctx, d); err != nil {
		return err
	}
	if err := evolved(ctx, d); err != nil {
		return err
	}
	say("Old records read with the default, new ones without the field they do not know. Stop the daemon.")
	return d.process.Stop(ctx)
}

func validated(ctx context.Context, d *daemon) error {
	say("POST sales-input.json: JSON lines → ApplySchema(sale-1.avsc) → topic sales_input, as Avro.")
	say("POST sales-validate.json: sales_input → Validate → sales_validated, or sales_error for what breaks a rule.")
	say("POST sales-old-reader.json and sales-new-reader.json: one reads by schema 1, the other by schema 2.")
	before := d.lines()
	for _, name := range []string{"sales-input", "sales-validate", "sales-old-reader", "sales-new-reader"} {
		if err := d.post(ctx, filepath.Join(connectors, name+".json")); err != nil {
			return err
		}
	}
	if err := d.waitLines(ctx, before+4); err != nil {
		return err
	}
	say("Two of four sales were valid. POST sales-errors-print.json: the other two, unchanged, with the rule they broke:")
	before = d.lines()
	if err := d.post(ctx, filepath.Join(connectors, "sales-errors-print.json")); err != nil {
		return err
	}
	return d.waitLines(ctx, before+2)
}

func evolved(ctx context.Context, d *daemon) error {
	say("Sales get a delivery. A schema that demands it of old records is refused by the registry, with the reason:")
	answer, err := d.refused(ctx, "/subjects/sales_input-value/versions")
	if err != nil {
		return err
	}
	d.show(answer)
	say("With a default it is version 2. PATCH sales-input to sale-2.avsc, and append two sales, one with a delivery:")
	patch, err := json.Marshal(map[string]string{"transforms.schema.schema.file": "sale-2.avsc"})
	if err != nil {
		return err
	}
	if err := d.call(ctx, "PATCH", "/connectors/sales-input/config", patch, nil); err != nil {
		return err
	}
	before := d.lines()
	if err := d.copyIn("config/demo/sales-2.json", "sales.json"); err != nil {
		return err
	}
	return d.waitLines(ctx, before+4)
}

// copyIn appends a file of the repository to one in the daemon's directory.
func (d *daemon) copyIn(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(d.dir, to), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// refused registers sale-2.avsc without its default and returns what the registry
// answers, which must be a refusal.
func (d *daemon) refused(ctx context.Context, path string) (string, error) {
	text, err := os.ReadFile("config/schemas/sale-2.avsc")
	if err != nil {
		return "", err
	}
	text = bytes.Replace(text, []byte(`"int", "default": 0`), []byte(`"int"`), 1)
	body, err := json.Marshal(map[string]string{"schema": string(text)})
	if err != nil {
		return "", err
	}
	status, text, err := process.Do(ctx, "POST", d.registry+path, body)
	if err != nil {
		return "", err
	}
	if status != http.StatusConflict {
		return "", fmt.Errorf("POST %s: %d, want 409", path, status)
	}
	var answer struct{ Message string }
	err = json.Unmarshal(text, &answer)
	return answer.Message, err
}
