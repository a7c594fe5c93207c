// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// cartOracle is the cart join as a pure function from lines to outputs; it shares
// no code with the transform.
type cartOracle struct {
	paid, unpaid map[string][]int
	outputs      map[string][]string // by user, in order
	errors       []string
	count        int
}

func newCartOracle() *cartOracle {
	return &cartOracle{paid: map[string][]int{}, unpaid: map[string][]int{}, outputs: map[string][]string{}}
}

func (o *cartOracle) order(user string, id int) string {
	if !slices.Contains(o.unpaid[user], id) && !slices.Contains(o.paid[user], id) {
		o.unpaid[user] = append(o.unpaid[user], id)
	}
	o.emit(user)
	return fmt.Sprintf(`{"user_id":%q,"type":"order","order_id":%d}`, user, id)
}

func (o *cartOracle) payment(user string, id int) string {
	if i := slices.Index(o.unpaid[user], id); i >= 0 {
		o.unpaid[user] = slices.Delete(slices.Clone(o.unpaid[user]), i, i+1)
		o.paid[user] = append(o.paid[user], id)
	}
	o.emit(user)
	return fmt.Sprintf(`{"user_id":%q,"type":"payment","order_id":%d}`, user, id)
}

func (o *cartOracle) bad(text string) string {
	o.errors = append(o.errors, text)
	return text
}

func (o *cartOracle) emit(user string) {
	o.count++
	o.outputs[user] = append(o.outputs[user], fmt.Sprintf(`{"user_id":%q,"paid_order_ids":%s,"unpaid_order_ids":%s}`,
		user, ids(o.paid[user]), ids(o.unpaid[user])))
}

func ids(list []int) string {
	return strings.ReplaceAll(fmt.Sprint(list), " ", ",")
}

// usersFor is how many outputs it takes until other users come: a cart that only grows
// would make a long run's work grow with its square.
const usersFor = 2000

// lines makes n further lines: orders, payments of open orders, and bad ones.
func (o *cartOracle) lines(r *rand.Rand, n int) string {
	var b strings.Builder
	for range n {
		user := fmt.Sprintf("u%d", 5*(o.count/usersFor)+r.IntN(5))
		open := o.unpaid[user]
		switch {
		case r.IntN(20) == 0:
			b.WriteString(o.bad(fmt.Sprintf("bad line %d of %s", len(o.errors), user)))
		case len(open) > 0 && (len(open) > 6 || r.IntN(2) == 0):
			b.WriteString(o.payment(user, open[r.IntN(len(open))]))
		default:
			b.WriteString(o.order(user, o.count))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// check compares the committed output with the oracle, key by key and in order,
// and the committed errors.
func (o *cartOracle) check(t *testing.T, outputs, errors []harness.Record) {
	t.Helper()
	got := map[string][]string{}
	for _, r := range outputs {
		got[r.Key] = append(got[r.Key], r.Value)
	}
	for user, want := range o.outputs {
		compareLists(t, "outputs of "+user, want, got[user])
	}
	for user := range got {
		if _, known := o.outputs[user]; !known {
			t.Errorf("outputs of %q, who is in no line", user)
		}
	}
	var texts []string
	for _, r := range errors {
		texts = append(texts, r.Value)
	}
	compareLists(t, "errors", o.errors, texts)
}

// compareLists reports the first difference only: what follows is its echo.
func compareLists(t *testing.T, what string, want, got []string) {
	t.Helper()
	for i := range max(len(want), len(got)) {
		switch {
		case i >= len(got):
			t.Errorf("%s: %d of %d are there; the first that is lost: %s", what, len(got), len(want), want[i])
			return
		case i >= len(want):
			t.Errorf("%s: %d, want %d; the first too many: %s", what, len(got), len(want), got[i])
			return
		case got[i] != want[i]:
			t.Errorf("%s: number %d is %s, want %s", what, i, got[i], want[i])
			return
		}
	}
}

// amounts makes n records for the running sum. Negative amounts are to be filtered out.
func amounts(r *rand.Rand, n int) []harness.Record {
	var out []harness.Record
	for range n {
		out = append(out, harness.Record{Key: fmt.Sprintf("k%d", r.IntN(7)), Value: fmt.Sprintf(`{"amount":%d}`, r.IntN(12)-2)})
	}
	return out
}

// sums is the running sum per key as a pure function of the input topic, and the
// number of outputs.
func sums(t *testing.T, input []harness.Record) (outputs map[string][]string, count int) {
	t.Helper()
	sum := map[string]int{}
	outputs = map[string][]string{}
	for _, r := range input {
		var v struct{ Amount int }
		if err := json.Unmarshal([]byte(r.Value), &v); err != nil {
			t.Fatal(err)
		}
		if v.Amount >= 0 {
			sum[r.Key] += v.Amount
			outputs[r.Key] = append(outputs[r.Key], fmt.Sprint(sum[r.Key]))
			count++
		}
	}
	return outputs, count
}

func checkSums(t *testing.T, want map[string][]string, outputs []harness.Record) {
	t.Helper()
	got := map[string][]string{}
	for _, r := range outputs {
		got[r.Key] = append(got[r.Key], r.Value)
	}
	for key := range want {
		compareLists(t, "sums of "+key, want[key], got[key])
	}
	for key := range got {
		if _, known := want[key]; !known {
			t.Errorf("sums of %q, which is not in the input", key)
		}
	}
}
