// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// sale is one input of the sales story. The text keeps an odd blank and an escape, so
// that a value that was written anew would be seen.
func sale(i int) (r harness.Record, valid bool) {
	location := []string{"Rimini", "Bilbao", "Karlsruhe", "Ancona"}[i%4]
	r.Key = fmt.Sprintf(`{"location": %q}`, location)
	switch i % 7 {
	case 3:
		r.Value = fmt.Sprintf(`{ "location": %q, "sales_date": "2017-07-%02d", "quantity": %d}`, location, 1+i%28, i)
	case 5:
		r.Value = fmt.Sprintf(`{ "location": %q, "product": "Pizza\u0020%d", "sales_date": "2017-07-10", "quantity": 0}`, location, i)
	default:
		r.Value = fmt.Sprintf(`{ "location": %q, "product": "Pizza\u0020%d", "sales_date": "2017-07-10", "quantity": %d}`, location, i, i+1)
		valid = true
	}
	r.Headers = [][2]string{{"n", fmt.Sprint(i)}}
	return r, valid
}

func salesConfig(in, valid, invalid, rules string) harness.Config {
	return harness.Config{
		"connector.class": "KafkaSource", "topics": in, "topic": valid, "tasks.max": "3",
		"key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter", "value.converter.schemas.enable": "false",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter",
		"transforms":      "valid", "transforms.valid.type": "Validate", "transforms.valid.rules": rules,
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": invalid, "errors.deadletterqueue.topic.replication.factor": "1",
	}
}

// byKey returns the values of each key, in order.
func byKey(records []harness.Record) map[string][]string {
	out := map[string][]string{}
	for _, r := range records {
		out[r.Key] = append(out[r.Key], r.Value)
	}
	return out
}

func compareByKey(t *testing.T, what string, want, got []harness.Record) {
	t.Helper()
	w, g := byKey(want), byKey(got)
	for key := range w {
		compareLists(t, what+" of "+key, w[key], g[key])
	}
	if len(g) > len(w) {
		t.Errorf("%s: %d keys, want %d", what, len(g), len(w))
	}
}

func TestSalesAreValidatedIntoTwoTopics(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, validated, failed := d.Name("sales_input"), d.Name("sales_validated"), d.Name("sales_error")
	for _, topic := range []string{in, validated, failed} {
		d.CreateTopic(topic, 3)
	}
	const rules = "product: value.product != nil; quantity: value.quantity > 0"
	d.Create(d.Name("sales"), salesConfig(in, validated, failed, rules))
	// A second job with a rule of its own reads the same input at its own pace.
	big, small := d.Name("sales_big"), d.Name("sales_small")
	d.Create(d.Name("second"), salesConfig(in, big, small, "big: value.quantity > 50"))

	var all, good, bad, bigSales []harness.Record
	for i := range 140 {
		r, valid := sale(i)
		all = append(all, r)
		if valid {
			good = append(good, r)
		} else {
			bad = append(bad, r)
		}
		if quantity := map[bool]int{true: i + 1, false: i}[valid]; i%7 != 5 && quantity > 50 {
			bigSales = append(bigSales, r)
		}
	}
	d.Produce(in, all[:70]...)
	d.Must(202, "PUT", d.Connector("second")+"/pause", nil)
	d.Produce(in, all[70:]...)

	gotGood, gotBad := d.WaitCount(validated, len(good)), d.WaitCount(failed, len(bad))
	compareByKey(t, "valid sales", good, gotGood)
	compareByKey(t, "invalid sales", bad, gotBad)
	for _, r := range gotBad {
		rule, _ := r.Header("__connectd.validate.rule")
		if rule != "product" && rule != "quantity" {
			t.Errorf("a record of the error topic names the rule %q", rule)
		}
		if field, ok := r.Header("__connectd.validate.field"); !ok || field == "" {
			t.Errorf("a record of the error topic names no field")
		}
		if _, ok := r.Header("n"); !ok {
			t.Errorf("a record of the error topic lost its own header")
		}
	}
	d.Must(202, "PUT", d.Connector("second")+"/resume", nil)
	compareByKey(t, "big sales", bigSales, d.WaitCount(big, len(bigSales)))
}
