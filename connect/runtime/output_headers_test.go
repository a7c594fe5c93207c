// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

func TestHeadersThatRecordsShareAreEncodedOnce(t *testing.T) {
	t.Parallel()
	text := func(values ...string) []connect.Header {
		var hs []connect.Header
		for i, v := range values {
			hs = append(hs, connect.Header{Key: string(rune('a' + i)), Schema: connect.StringSchema, Value: connect.StringOf([]byte(v))})
		}
		return hs
	}
	w := &topicWriter{header: headerCodec{HeaderConverter: convert.SimpleHeader{}}}
	u := &unit{}
	shared := text("1", "22")
	write := func(topic string, hs []connect.Header) (out []string, encoded bool) {
		t.Helper()
		before := u.scratch.total
		got, f := w.headers(u, &connect.Record{Topic: topic, Headers: hs})
		if f != nil {
			t.Fatal(f.err)
		}
		for _, h := range got {
			out = append(out, h.Key+"="+string(h.Value))
		}
		return out, u.scratch.total > before
	}
	for i, c := range []struct {
		topic   string
		headers []connect.Header
		encodes bool
		want    []string
	}{
		{"t", shared, true, []string{"a=1", "b=22"}},
		{"t", shared, true, []string{"a=1", "b=22"}},
		{"t", shared, false, []string{"a=1", "b=22"}},
		{"t", text("1", "23"), true, []string{"a=1", "b=23"}},
		{"t", text("1"), true, []string{"a=1"}},
		{"t", text("1", "22"), false, []string{"a=1", "b=22"}},
		{"u", shared, true, []string{"a=1", "b=22"}},
	} {
		got, encoded := write(c.topic, c.headers)
		if diff := cmp.Diff(c.want, got); diff != "" || encoded != c.encodes {
			t.Errorf("record %d: encoded %v, want %v; headers (-want +got):\n%s", i, encoded, c.encodes, diff)
		}
	}
	// What is shared does not lie in memory of a batch or of a unit.
	shared[0].Value.Bytes()[0] = 'x'
	u.scratch.reset()
	clear(u.scratch.chunks[0])
	if got, encoded := write("t", text("1", "22")); encoded || got[1] != "b=22" {
		t.Errorf("after the memory was used again: %v, encoded %v", got, encoded)
	}
}
