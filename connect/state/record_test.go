// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
)

// golden compares with a file of testdata, or writes it under -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant\n%s", path, got, want)
	}
}

func TestChangelogFormat(t *testing.T) {
	log := newMemoryLog()
	o := testOptions(Memory, "", log)
	o.Partitions = []int32{0}
	o.Rand = bytes.NewReader([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	tables := open(t, o)
	table := tables.Table(0, 0)
	table.Put([]byte("user-1"), []byte("paid"))
	table.Put([]byte("user-2"), nil)
	table.Put(nil, []byte("the empty key"))
	table.Advance(1_500_000_000_000)
	table.SetTimer(1_500_000_060_000, []byte("user-1"))
	table.SetTimer(-1, []byte("user-2"))
	commit(t, tables, log)
	table.Delete([]byte("user-1"))
	table.DeleteTimer(1_500_000_060_000, []byte("user-1"))
	table.SetCloseTime(1_500_000_000_000)
	commit(t, tables, log)
	var b strings.Builder
	for _, topic := range []string{"g-c-sum-changelog", "g-c-cart-changelog"} {
		for _, r := range log.partition(topic, 0).records {
			fmt.Fprintf(&b, "%s %d %q ", topic, r.offset, r.key)
			if r.value == nil {
				b.WriteString("null\n")
			} else {
				fmt.Fprintf(&b, "%q\n", r.value)
			}
		}
	}
	golden(t, "changelog.golden", b.String())
}

func TestTimerKeysOrderAsTimesDo(t *testing.T) {
	times := []int64{math.MinInt64, -1000, -1, 0, 1, 255, 256, 1_500_000_000_000, math.MaxInt64}
	var keys []string
	for _, at := range times {
		for _, key := range []string{"", "\x00", "a", "ab", "\xff"} {
			b := appendTimer(nil, at, []byte(key))
			keys = append(keys, string(b))
			if gotAt, gotKey := decodeTimer(b); gotAt != at || string(gotKey) != key {
				t.Errorf("timer %d %q is decoded as %d %q", at, key, gotAt, gotKey)
			}
		}
	}
	if !slices.IsSorted(keys) {
		t.Errorf("keys are not in order: %q", keys)
	}
}

func TestTopicName(t *testing.T) {
	long := strings.Repeat("n", 300)
	for _, c := range []struct{ group, connector, name, want string }{
		{"connectd", "orders", "join", "connectd-orders-join-changelog"},
		{"a.b_c-d", "X9", "1", "a.b_c-d-X9-1-changelog"},
		{"g", "my orders", "größe", "g-my_x20orders-gr_xC3_xB6_xC3_x9Fe-changelog"},
		{"g", "a/b", "", "g-a_x2Fb--changelog"},
		{"g", strings.Repeat("c", 186), "s", "g-" + strings.Repeat("c", 186) + "-s-changelog"},
		{"g", strings.Repeat("c", 187), "s", "g-" + strings.Repeat("c", 181) + "-bf6c327475741a3e"},
		{"g", "c", long + "1", ""},
	} {
		got := TopicName(c.group, c.connector, c.name)
		if c.want != "" && got != c.want {
			t.Errorf("TopicName(%q, %q, %q) = %s, want %s", c.group, c.connector, c.name, got, c.want)
		}
		if len(got) > maxTopicName {
			t.Errorf("%s has %d bytes", got, len(got))
		}
	}
	if TopicName("g", "c", long+"1") == TopicName("g", "c", long+"2") {
		t.Error("two long names have the same topic")
	}
}

func TestTopicConfigKeepsTheNewestValues(t *testing.T) {
	c := TopicConfig()
	for key, want := range map[string]string{
		"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1", "delete.retention.ms": "604800000",
	} {
		if c[key] != want {
			t.Errorf("%s = %s, want %s", key, c[key], want)
		}
	}
}

func FuzzDecodeHead(f *testing.F) {
	f.Add(newHead.encode())
	f.Add(head{1, 2, -3, 4}.encode())
	f.Add([]byte{2})
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := decodeHead(b)
		if err == nil && !bytes.Equal(h.encode(), b) {
			t.Fatalf("%x is encoded as %x", b, h.encode())
		}
		if err != nil && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
			t.Fatal(err)
		}
	})
}

func FuzzDecodeOwner(f *testing.F) {
	f.Add([]byte(`{"format":1,"group":"g","connector":"c","step":"s","version":"1","incarnation":"00000000000000ff"}`))
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"incarnation":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := decodeOwner(b)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again, err := decodeOwner(o.encode())
		if err != nil || again != o {
			t.Fatalf("%+v is decoded again as %+v, %v", o, again, err)
		}
	})
}

func FuzzCheckKey(f *testing.F) {
	for _, seed := range []string{"", "\x00", "\x00x", "\x01", "\x02short", "\x02\x80\x00\x00\x00\x00\x00\x00\x00", "\x03", "\x03key", "key"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		if checkKey(key) == nil && key[0] == tagTimer {
			decodeTimer(key[1:])
		}
	})
}
