// SPDX-License-Identifier: Apache-2.0

package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// TestCommittedStateIsReadable asks REST for what the steps of two connectors keep.
func TestCommittedStateIsReadable(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	carts, sums := filepath.Join(d.Dir, "carts.json"), filepath.Join(d.Dir, "sums.json")
	writeFile(t, carts, `{"user_id": "a", "type": "order", "order_id": 1}
{"user_id": "a", "type": "order", "order_id": 2}
{"user_id": "a", "type": "payment", "order_id": 2}
`)
	writeFile(t, sums, `{"k": 7, "n": 1}
{"k": 7, "n": 2}
`)
	d.Create(d.Name("carts"), cartConfig(carts, d.Name("carts")))
	config := cartConfig(sums, d.Name("sums"))
	for key, value := range map[string]string{
		"transforms": "sum", "transforms.sum.type": "StatefulMap", "transforms.sum.key": "value.k", "transforms.sum.initial": "0",
		"transforms.sum.next": "state + value.n", "transforms.sum.emit": "state", "key.converter": "org.apache.kafka.connect.json.JsonConverter",
	} {
		config[key] = value
	}
	delete(config, "transforms.join.type")
	d.Create(d.Name("sums"), config)
	d.WaitCount(d.Name("carts"), 3)
	d.WaitCount(d.Name("sums"), 2)
	for path, want := range map[string]string{
		"carts/state/join/a": `{"user_id":"a","paid_order_ids":[2],"unpaid_order_ids":[1]}`,
		"sums/state/sum/7":   `3`,
	} {
		d.Eventually(path+" is there", func() error {
			code, answer, err := d.Call("GET", "/connectors/"+d.Name(path), nil)
			if err == nil && (code != 200 || !strings.HasSuffix(strings.TrimSpace(answer), `"value":`+want+`}`)) {
				err = fmt.Errorf("%d %s, want %s", code, answer, want)
			}
			return err
		})
	}
	d.Must(404, "GET", "/connectors/"+d.Name("carts/state/join/nobody"), nil)
	d.Must(404, "GET", "/connectors/"+d.Name("carts/state/jion/a"), nil)
}
