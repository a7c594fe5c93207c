// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"fmt"
	"testing"
)

func TestRanges(t *testing.T) {
	cases := []struct {
		name    string
		members map[string][]string
		want    map[string]string
	}{
		{"one member", map[string][]string{"m": {"a", "b"}}, map[string]string{"m": "[{a 0} {a 1} {a 2} {b 0} {b 1} {b 2}]"}},
		{"the first get more", map[string][]string{"m2": {"a"}, "m1": {"a"}}, map[string]string{"m1": "[{a 0} {a 1}]", "m2": "[{a 2}]"}},
		{"equal numbers go together", map[string][]string{"m1": {"a", "b"}, "m2": {"a", "b"}}, map[string]string{"m1": "[{a 0} {a 1} {b 0} {b 1}]", "m2": "[{a 2} {b 2}]"}},
		{"more members than partitions", map[string][]string{"m1": {"a"}, "m2": {"a"}, "m3": {"a"}, "m4": {"a"}}, map[string]string{"m1": "[{a 0}]", "m2": "[{a 1}]", "m3": "[{a 2}]", "m4": "[]"}},
		{"different topics", map[string][]string{"m1": {"a"}, "m2": {"b"}}, map[string]string{"m1": "[{a 0} {a 1} {a 2}]", "m2": "[{b 0} {b 1} {b 2}]"}},
		{"nothing wanted", map[string][]string{"m1": nil}, map[string]string{"m1": "[]"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			members := map[string][]byte{}
			for id, topics := range c.members {
				members[id] = appendSubscription(nil, topics)
			}
			got, err := assignRanges(members, func(string) int32 { return 3 })
			if err != nil {
				t.Fatal(err)
			}
			for id, want := range c.want {
				tps, err := parseAssignment(got[id])
				if err != nil || fmt.Sprint(tps) != want {
					t.Errorf("%s got %v, %v, want %s", id, tps, err, want)
				}
			}
		})
	}
}

func TestForeignMembersAreRefused(t *testing.T) {
	if _, err := assignRanges(map[string][]byte{"m": {0, 0, 0, 0, 0, 9, 0}}, nil); err == nil {
		t.Error("a torn subscription is accepted")
	}
}

func FuzzAssignment(f *testing.F) {
	f.Add(appendAssignment(nil, map[string][]int32{"a": {0, 1}, "b": {2}}))
	f.Add([]byte{0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1, 'a', 0x7f, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0, 0, 0, 0, 1, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		tps, err := parseAssignment(b)
		if err == nil && len(tps) > len(b) {
			t.Errorf("%d partitions of %d bytes", len(tps), len(b))
		}
		if topics, err := parseSubscription(b); err == nil && len(topics) > len(b) {
			t.Errorf("%d topics of %d bytes", len(topics), len(b))
		}
	})
}
