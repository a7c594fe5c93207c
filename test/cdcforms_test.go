// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"github.com/connectd/connectd/test/harness"
)

// formChange is what the topic of schema changes says of a table.
type formChange struct {
	DDL          *string `avro:"ddl" json:"ddl"`
	TableChanges []struct {
		Type  string `avro:"type" json:"type"`
		ID    string `avro:"id" json:"id"`
		Table *struct {
			Keys    *[]string `avro:"primaryKeyColumnNames" json:"primaryKeyColumnNames"`
			Columns []struct {
				Name     string `avro:"name" json:"name"`
				TypeName string `avro:"typeName" json:"typeName"`
			} `avro:"columns" json:"columns"`
		} `avro:"table" json:"table"`
	} `avro:"tableChanges" json:"tableChanges"`
}

func (c *formChange) String() string {
	if len(c.TableChanges) != 1 || c.TableChanges[0].Table == nil || c.TableChanges[0].Table.Keys == nil {
		return fmt.Sprintf("not one table: %+v", *c)
	}
	t := &c.TableChanges[0]
	columns := make([]string, len(t.Table.Columns))
	for i, c := range t.Table.Columns {
		columns[i] = c.Name + " " + c.TypeName
	}
	return fmt.Sprintf("%s %s (%s) key %s", t.Type, t.ID, strings.Join(columns, ", "), strings.Join(*t.Table.Keys, ", "))
}

// formSteps are changes of tables, each with the rows that have the new form.
var formSteps = []struct{ sql, told string }{
	{"INSERT INTO f VALUES (1, 'one')", `CREATE "public"."f" (id int4, v text) key id`},
	{"INSERT INTO f VALUES (2, 'two')", ""},
	{"ALTER TABLE f ADD COLUMN n int NOT NULL DEFAULT 5; INSERT INTO f VALUES (3, 'three', 3)", `ALTER "public"."f" (id int4, v text, n int4) key id`},
	{"ALTER TABLE f DROP COLUMN v; UPDATE f SET n = id", `ALTER "public"."f" (id int4, n int4) key id`},
	{"ALTER TABLE f RENAME COLUMN n TO m; UPDATE f SET m = 4 WHERE id = 2", `ALTER "public"."f" (id int4, m int4) key id`},
	{"ALTER TABLE f DROP CONSTRAINT f_pkey; ALTER TABLE f ADD PRIMARY KEY (m); INSERT INTO f VALUES (7, 7)", `ALTER "public"."f" (id int4, m int4) key m`},
	{"ALTER TABLE f ALTER COLUMN id TYPE bigint; DELETE FROM f WHERE m = 7", `ALTER "public"."f" (id int8, m int4) key m`},
	{"ALTER TABLE f REPLICA IDENTITY FULL; INSERT INTO f VALUES (8, 8)", `ALTER "public"."f" (id int8, m int4) key m`},
	{"DROP TABLE f; CREATE TABLE g (a text, id int PRIMARY KEY)", ""},
	{"INSERT INTO g VALUES ('x', 1)", `CREATE "public"."g" (a text, id int4) key id`},
	{"CREATE TABLE f (id bigint DEFAULT 1 PRIMARY KEY, w uuid); ALTER PUBLICATION pub ADD TABLE f; INSERT INTO f VALUES (1, null)", `ALTER "public"."f" (id int8, w uuid) key id`},
	{"INSERT INTO g VALUES ('x', 2); ALTER TABLE g ADD COLUMN b int; INSERT INTO g VALUES ('x', 3, 3); ALTER TABLE g DROP COLUMN a; INSERT INTO g VALUES (4, 4)",
		"ALTER \"public\".\"g\" (a text, id int4, b int4) key id\nALTER \"public\".\"g\" (id int4, b int4) key id"},
}

// TestCDCSchemaChangesOnce changes tables, and kills the daemon before, after and amid the
// changes: each form is told once, before the first row that has it.
func TestCDCSchemaChangesOnce(t *testing.T) {
	for _, converter := range []string{"json", "avro"} {
		t.Run(converter, func(t *testing.T) {
			t.Parallel()
			rnd := seeded(t)
			pg := harness.SharedPostgres(t)
			pg.Do("CREATE TABLE f (id int PRIMARY KEY, v text)")
			d := harness.Start(t, harness.Settings{})
			connector := d.Name("f")
			topic := d.Name("forms")
			c := pg.Source(connector)
			if converter == "avro" {
				c = avroSource(pg, connector) // the registry is the daemon's own, and comes back at another address
			}
			c["table.include.list"], c["snapshot.mode"], c["connectd.schema.changes.topic"] = "public.[fg]", "no_data", topic
			for _, name := range []string{topic, connector + ".public.f", connector + ".public.g"} {
				d.CreateTopic(name, 1)
			}
			d.Create(connector, c)
			d.WaitTasks(connector, 1, "RUNNING")
			pg.WaitWalsender(0)
			var want []string
			for i, step := range formSteps {
				how := rnd.IntN(4)
				switch how {
				case 1:
					d.Kill()
				case 2:
					d.Kill()
					d.SetEnv(fmt.Sprintf("CONNECTD_CRASH_AT=%s:1", taskPoints[rnd.IntN(len(taskPoints))]))
					d.Launch()
				}
				t.Log(i, how, step.sql)
				pg.Do(strings.ReplaceAll(step.sql, "PUBLICATION pub", "PUBLICATION "+pg.Publication))
				if strings.Contains(step.sql, "CREATE TABLE g") {
					pg.Do("ALTER PUBLICATION " + pg.Publication + " ADD TABLE g")
				}
				switch how {
				case 1:
					d.Start()
				case 2:
					if step.told != "" {
						d.WaitExit()
					}
					d.Kill()
					d.SetEnv()
					d.Start()
				case 3:
					d.Kill()
					d.Start()
				}
				waitCaptured(t, d, pg, connector)
				if step.told != "" {
					want = append(want, strings.Split(step.told, "\n")...)
				}
				got := forms(t, d, topic, converter)
				if strings.Join(got, "\n") != strings.Join(want, "\n") {
					t.Fatalf("the topic says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
			}
		})
	}
}

// forms are what the topic says, as text.
func forms(t *testing.T, d *harness.Daemon, topic, converter string) []string {
	t.Helper()
	var out []string
	s := schemasOf(t, d)
	for _, r := range d.Read(topic) {
		var c formChange
		var err error
		if converter == "json" {
			err = json.Unmarshal([]byte(r.Value), &c)
		} else {
			schema, data := s.split(r.Value)
			err = avro.Unmarshal(schema, data, &c)
		}
		if err != nil || c.DDL != nil {
			t.Fatalf("%v: %q", err, r.Value)
		}
		out = append(out, c.String())
	}
	return out
}
