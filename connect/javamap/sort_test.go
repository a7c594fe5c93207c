// SPDX-License-Identifier: Apache-2.0

package javamap

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
)

// TestSort has the orders in which a HashMap of Java 17 lists its keys.
func TestSort(t *testing.T) {
	var many []string
	for i := range 40 {
		many = append(many, "key-"+strconv.Itoa(i))
	}
	for _, c := range []struct {
		keys    []string
		buckets int
		want    string
	}{
		{nil, DefaultBuckets, ""},
		{[]string{"Aa", "BB", "z", "a", "😀", "key-17", "key-1"}, DefaultBuckets, "Aa BB key-1 a 😀 key-17 z"},
		{[]string{"BB", "Aa"}, DefaultBuckets, "BB Aa"}, // one hash: as put
		{[]string{"topic", "partition", "cluster"}, DefaultBuckets, "cluster partition topic"},
		{many, DefaultBuckets, "key-18 key-17 key-39 key-19 key-14 key-36 key-13 key-35 key-16 key-38 key-15 key-37 key-1 key-10 key-32 key-0 key-31 key-12 key-34 key-11 " +
			"key-33 key-5 key-4 key-3 key-30 key-2 key-9 key-8 key-7 key-6 key-29 key-28 key-25 key-24 key-27 key-26 key-21 key-20 key-23 key-22"},
	} {
		Sort(c.keys, c.buckets, func(k string) string { return k })
		if got := strings.Join(c.keys, " "); got != c.want {
			t.Errorf("order is %q, want %q", got, c.want)
		}
	}
}

// TestTablesGrow compares tables that grow from one bucket with such as have their size.
func TestTablesGrow(t *testing.T) {
	for n, buckets := range map[int]int{0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 8, 7: 16, 12: 16, 13: 32} {
		grown := make([]string, n)
		for i := range grown {
			grown[i] = "key-" + strconv.Itoa(i)
		}
		made := append([]string(nil), grown...)
		Sort(grown, 1, func(k string) string { return k })
		Sort(made, buckets, func(k string) string { return k })
		if fmt.Sprint(grown) != fmt.Sprint(made) {
			t.Errorf("%d entries: order is %v, of %d buckets it is %v", n, grown, buckets, made)
		}
	}
}

// String.hashCode is written down in Java's documentation; these are its values.
func TestHash(t *testing.T) {
	for text, code := range map[string]uint32{"": 0, "a": 97, "ab": 3105, "Aa": 2112, "BB": 2112, "topic": 110546223, "é": 233, "😀": 1772899} {
		if got, want := hash(text), code^code>>16; got != want {
			t.Errorf("the hash of %q is %d, want %d", text, got, want)
		}
	}
}
