// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

func parsed(t testing.TB, text string) connect.Value {
	t.Helper()
	v, err := parseOwn([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The orders were taken from java.util.HashMap.
func TestNewKeysHaveTheOrderOfJava(t *testing.T) {
	cases := map[string]string{
		`{"topic":"t","partition":0,"cluster":"c"}`: `["x",{"cluster":"c","partition":0,"topic":"t"}]`,
		`{"partition":0,"topic":"t","cluster":"c"}`: `["x",{"cluster":"c","partition":0,"topic":"t"}]`,
		`{"filename":"/a b"}`:                       `["x",{"filename":"/a b"}]`,
		`{"server":"s"}`:                            `["x",{"server":"s"}]`,
		`{"Aa":1,"BB":2}`:                           `["x",{"Aa":1,"BB":2}]`, // one hash: as put
		`{"BB":2,"Aa":1}`:                           `["x",{"BB":2,"Aa":1}]`,
		`{}`:                                        `["x",{}]`,
	}
	for in, want := range cases {
		if got := string(newOffsetKey("x", parsed(t, in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}

func TestMeaning(t *testing.T) {
	same := [][2]string{{`{"a":1,"b":"x"}`, `{"b":"x","a":1}`}, {`{"a":1}`, ` { "a" : 1 } `}, {`{"a":null}`, `{"a":null}`}}
	for _, c := range same {
		if meaning(parsed(t, c[0])) != meaning(parsed(t, c[1])) {
			t.Errorf("%s and %s mean the same", c[0], c[1])
		}
	}
	other := [][2]string{{`{"a":1}`, `{"a":"1"}`}, {`{"a":1}`, `{"a":2}`}, {`{"a":1}`, `{"a":1,"b":1}`}, {`{"a":null}`, `{}`}, {`{"a":true}`, `{"a":"true"}`}}
	for _, c := range other {
		if meaning(parsed(t, c[0])) == meaning(parsed(t, c[1])) {
			t.Errorf("%s and %s do not mean the same", c[0], c[1])
		}
	}
	narrow := connect.Map([]connect.MapEntry{{Key: connect.String("a"), Value: connect.Int32(1)}})
	if meaning(narrow) != meaning(parsed(t, `{"a":1}`)) {
		t.Error("an int32 means what the parsed number does")
	}
}

func TestOffsetKeysThatAreNone(t *testing.T) {
	for _, key := range []string{"", "x", "{}", `["a"]`, `["a",{},1]`, `[1,{}]`, `["a",1]`, `["a","b"]`, `["a",{}`, `[null,{}]`} {
		if k, err := parseOffsetKey([]byte(key)); err == nil {
			t.Errorf("%q was read as %v", key, k)
		}
	}
	if k, err := parseOffsetKey([]byte(`["a",null]`)); err != nil || k.connector != "a" || !k.partition.IsNull() {
		t.Errorf("a null partition is allowed in keys: %v, %v", k, err)
	}
}

func TestPlainMembers(t *testing.T) {
	for _, good := range []string{`{}`, `{"a":1,"b":"x","c":true,"d":null,"e":1.5}`} {
		if err := checkPlain("the source offset", parsed(t, good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{`{"deep":{"a":1}}`, `{"deep":[1]}`} {
		err := checkPlain("the source offset", parsed(t, bad))
		if err == nil || !strings.Contains(err.Error(), "deep") {
			t.Errorf("%s: %v", bad, err)
		}
	}
	for _, bad := range []string{`[]`, `null`, `1`} {
		if checkPlain("the source offset", parsed(t, bad)) == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestKnownKeysKeepTheirBytesAndPlace(t *testing.T) {
	s := &Offsets{log: &topicLog{partitions: make([]int32, 25)}, stored: map[string]map[string]*storedOffset{}}
	// A key in another order and in a partition where no partitioner would put it.
	found := `["c",{"topic":"t","cluster":"k"}]`
	s.stored["c"] = map[string]*storedOffset{}
	key, err := parseOffsetKey([]byte(found))
	if err != nil {
		t.Fatal(err)
	}
	s.stored["c"][meaning(key.partition)] = &storedOffset{key: []byte(found), partition: 3, source: key.partition}
	rs, err := s.Records("c", []connect.Position{
		{Partition: parsed(t, `{"cluster":"k","topic":"t"}`), Offset: parsed(t, `{"offset":7}`)},
		{Partition: parsed(t, `{"topic":"t","cluster":"k"}`)},
		{Partition: parsed(t, `{"cluster":"k","topic":"other"}`), Offset: parsed(t, `{"offset":8}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		"3 " + found + ` {"offset":7}`,
		"3 " + found + " <nil>",
		fmt.Sprintf("%d %s %s", s.log.partitionOf([]byte(`["c",{"cluster":"k","topic":"other"}]`)), `["c",{"cluster":"k","topic":"other"}]`, `{"offset":8}`),
	} {
		value := "<nil>"
		if rs[i].Value != nil {
			value = string(rs[i].Value)
		}
		if got := fmt.Sprintf("%d %s %s", rs[i].Partition, rs[i].Key, value); got != want {
			t.Errorf("record %d is %s, want %s", i, got, want)
		}
	}
}

func TestRecordsRefuseNestedMembers(t *testing.T) {
	s := &Offsets{log: &topicLog{partitions: make([]int32, 1)}, stored: map[string]map[string]*storedOffset{}}
	good := parsed(t, `{"a":1}`)
	for name, p := range map[string]connect.Position{
		"partition": {Partition: parsed(t, `{"a":[1]}`), Offset: good}, "offset": {Partition: good, Offset: parsed(t, `{"a":{}}`)},
		"no partition": {Offset: good},
	} {
		if _, err := s.Records("c", []connect.Position{p}); err == nil {
			t.Errorf("%s: it is accepted", name)
		}
	}
}

func FuzzOffsetKey(f *testing.F) {
	for _, key := range []string{`["c",{"a":1,"b":"x"}]`, `["c",null]`, `[`, `["c",{"a":1.0e99}]`, `["\ud800",{}]`, `["c",{"a":1,"a":2}]`} {
		f.Add([]byte(key))
	}
	f.Fuzz(func(t *testing.T, key []byte) {
		k, err := parseOffsetKey(key)
		if err != nil {
			return
		}
		written := convert.AppendJSON(nil, connect.Array([]connect.Value{connect.String(k.connector), k.partition}))
		again, err := parseOffsetKey(written)
		if err != nil {
			t.Fatalf("%q was read and written as %q, which is none: %v", key, written, err)
		}
		if again.connector != k.connector || meaning(again.partition) != meaning(k.partition) {
			t.Fatalf("%q became %q and means something else", key, written)
		}
	})
}

func FuzzConfigRecord(f *testing.F) {
	f.Add("connector-a", []byte(`{"properties":{"a":"b","c":null}}`))
	f.Add("task-a-0", []byte(`{"properties":{}}`))
	f.Add("commit-a", []byte(`{"tasks":1000000000}`))
	f.Add("target-state-a", []byte(`{"state":"PAUSED","state.v2":"STOPPED"}`))
	f.Add("tasks-fencing-a", []byte(`{"task-count":1}`))
	f.Add("restart-connector-a", []byte(`{"include-tasks":1}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		c := newConfig()
		c.replayed, c.restart = true, func(Restart) {}
		for range 2 {
			if name, err := c.applyKey(key, value); err == nil && name != "" {
				c.Connector(name)
			}
		}
	})
}

func FuzzStatusRecord(f *testing.F) {
	f.Add("status-connector-a", []byte(`{"state":"RUNNING","trace":null,"worker_id":"w","generation":1,"version":null}`))
	f.Add("status-task-a-0", []byte(`{"state":"FAILED","trace":"t","worker_id":"w","generation":1}`))
	f.Add("status-topic-t:connector-a", []byte(`{"topic":{"name":"t","connector":"a","task":0,"discoverTimestamp":1}}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		s := newStatus()
		if s.applyKey(key, value) != nil {
			return
		}
		if err := s.applyKey(key, nil); err != nil {
			t.Fatalf("%q can be set but not removed: %v", key, err)
		}
		if len(s.connectors) != 0 {
			t.Fatalf("%q is still there", key)
		}
	})
}
