// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// recordedKey is a key as GET /connector-plugins/…/config of Debezium 3.7.0.Final
// describes it.
type recordedKey struct {
	Name, Type, Importance, Group string
	Default                       *string `json:"default_value"`
}

// otherwise are the keys that are declared in another way than in the original, with
// what differs. Missing are families, whose real names hold a number or a salt, and
// keys that mean nothing without another one that is refused.
var otherwise = map[string]string{
	"topic.naming.strategy":                                   "refused",
	"converters":                                              "refused",
	"notification.http.url":                                   "missing",
	"notification.http.timeout.ms":                            "missing",
	"notification.http.retries":                               "missing",
	"notification.http.allow.private.networks":                "missing",
	"transaction.metadata.factory":                            "refused",
	"column.mask.hash.([^.]+).with.salt.(.+)":                 "missing",
	"column.mask.with.(d+).chars":                             "missing",
	"column.truncate.to.(d+).chars":                           "missing",
	"memory.management.schemas.class":                         "refused",
	"memory.management.tables.class":                          "refused",
	"sourceinfo.struct.maker":                                 "refused",
	"snapshot.mode.custom.name":                               "refused",
	"internal.legacy.snapshot.max.threads":                    "refused",
	"internal.snapshot.scan.all.columns.force":                "refused",
	"snapshot.query.mode.custom.name":                         "refused",
	"snapshot.locking.mode.custom.name":                       "refused",
	"internal.log.position.check.enable":                      "refused",
	"internal.advanced.metrics.enable":                        "refused",
	"openlineage.integration.enabled":                         "refused",
	"openlineage.integration.config.file.path":                "missing",
	"openlineage.integration.job.namespace":                   "missing",
	"openlineage.integration.job.description":                 "missing",
	"openlineage.integration.job.tags":                        "missing",
	"openlineage.integration.job.owners":                      "missing",
	"openlineage.integration.dataset.kafka.bootstrap.servers": "missing",
	"custom.sanitize.pattern":                                 "refused",
	"internal.offset.activity.monitor.interval.ms":            "refused",
	"custom.metric.tags":                                      "refused",
	"internal.signal.synchronous.batch.size":                  "refused",
	"internal.signal.processor.semaphore.wait.ms":             "refused",
	"database.include.list":                                   "refused",
	"database.exclude.list":                                   "refused",
	"database.sslfactory":                                     "refused",
	"xmin.fetch.interval.ms":                                  "refused",
	"plugin.name":                                             "default pgoutput, not decoderbufs",
	"publication.autocreate.mode":                             "default filtered, not all_tables",
}

func TestDeclarationIsThatOfTheOriginal(t *testing.T) {
	data, err := os.ReadFile("testdata/config/debezium-3.7.0.Final.json")
	if err != nil {
		t.Fatal(err)
	}
	var keys []recordedKey
	if err := json.Unmarshal(data, &keys); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 141 {
		t.Fatalf("%d recorded keys", len(keys))
	}
	for _, k := range keys {
		if got, want := declaredOtherwise(&k), otherwise[k.Name]; got != want {
			t.Errorf("key %s: %q, want %q", k.Name, got, want)
		}
	}
}

// declaredOtherwise says how the declaration of a key differs; "" for not at all.
func declaredOtherwise(k *recordedKey) string {
	d := declaration.Key(k.Name)
	if d == nil && refusalOf(k.Name) != nil {
		return "refused"
	}
	if d == nil {
		return "missing"
	}
	var out []string
	add := func(what, here, there string) {
		if here != there {
			out = append(out, what+" "+here+", not "+there)
		}
	}
	add("type", string(d.Type), k.Type)
	importance := d.Importance
	add("importance", string(importance), k.Importance)
	add("group", d.Group, k.Group)
	def := "null"
	if k.Default != nil {
		def = *k.Default
	}
	here := d.Default
	if d.Null {
		here = "null"
	}
	add("default", here, def)
	return strings.Join(out, "; ")
}
