// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

// TestATopicNameMayLieInTheBatch: a transform may take the name out of the record's own
// memory, which other batches use again.
func TestATopicNameMayLieInTheBatch(t *testing.T) {
	w := withTransform(t, nil, transform(func(c *connect.Context, r *connect.Record, emit connect.Emit) error {
		r.Topic = c.Arena.CopyString([]byte(r.Topic + r.Value.Str())).Str()
		emit(r)
		return nil
	}))
	w.batch = 2
	out := w.topic("out")
	const names, rounds = 4, 25
	w.run()
	for i := range names * rounds {
		w.source.add(text(out, fmt.Sprint(i%names)))
	}
	for i := range names {
		want := make([]string, rounds)
		for k := range want {
			want[k] = fmt.Sprint(i)
		}
		if got := values(w.await(fmt.Sprint(out, i), rounds)); !slices.Equal(got, want) {
			t.Errorf("topic %d holds %q", i, got)
		}
	}
}
