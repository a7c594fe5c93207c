// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

func TestRetryDelays(t *testing.T) {
	retriable := connect.Retriable(errors.New("away"))
	asked := &connect.RetriableError{Err: errors.New("away"), After: 7 * time.Second}
	now := time.Unix(1000, 0)
	cases := []struct {
		name    string
		timeout time.Duration
		err     error
		n       int
		elapsed time.Duration
		want    time.Duration
		again   bool
	}{
		{"permanent", -1, errors.New("no"), 1, 0, 0, false},
		{"no retries", 0, retriable, 1, 0, 0, false},
		{"first", -1, retriable, 1, 0, 300 * time.Millisecond, true},
		{"doubles", -1, retriable, 4, 0, 2400 * time.Millisecond, true},
		{"random above the maximum", -1, retriable, 20, 0, 12345, true},
		{"as asked", -1, asked, 1, 0, 7 * time.Second, true},
		{"never beyond the time-out", time.Second, retriable, 3, 900 * time.Millisecond, 100 * time.Millisecond, true},
		{"over", time.Second, retriable, 3, time.Second, 0, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := retry{timeout: c.timeout, most: time.Minute, now: func() time.Time { return now.Add(c.elapsed) }, random: func(n int64) int64 {
				if n != int64(time.Minute) {
					t.Errorf("random below %d", n)
				}
				return 12345
			}}
			if d, again := r.delay(c.err, c.n, now); d != c.want || again != c.again {
				t.Errorf("delay is %v, %t, want %v, %t", d, again, c.want, c.again)
			}
		})
	}
}

func TestSame(t *testing.T) {
	m := []connect.MapEntry{{Key: connect.String("a"), Value: connect.Int64(1)}}
	b := []byte("abc")
	cases := []struct {
		name string
		a, b connect.Value
		want bool
	}{
		{"nulls", connect.Null(), connect.Null(), true},
		{"kinds differ", connect.Int32(1), connect.Int64(1), false},
		{"numbers", connect.Int64(5), connect.Int64(5), true},
		{"other number", connect.Int64(5), connect.Int64(6), false},
		{"one string", connect.StringOf(b), connect.StringOf(b), true},
		{"a part of it", connect.StringOf(b), connect.StringOf(b[:2]), false},
		{"equal, but copied", connect.StringOf(b), connect.StringOf(bytes.Clone(b)), false},
		{"one map", connect.Map(m), connect.Map(m), true},
		{"equal, but another map", connect.Map(m), connect.Map(slices.Clone(m)), false},
		{"floats", connect.Float64(1.5), connect.Float64(1.5), true},
		{"not a number", connect.Float64(math.NaN()), connect.Float64(math.NaN()), false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := same(c.a, c.b); got != c.want {
				t.Errorf("same is %t", got)
			}
		})
	}
}

func entries(kv ...any) connect.Value {
	var out []connect.MapEntry
	for i := 0; i < len(kv); i += 2 {
		var v connect.Value
		switch x := kv[i+1].(type) {
		case string:
			v = connect.String(x)
		case int:
			v = connect.Int64(int64(x))
		case float64:
			v = connect.Float64(x)
		case nil:
		}
		out = append(out, connect.MapEntry{Key: connect.String(kv[i].(string)), Value: v})
	}
	return connect.Map(out)
}

func TestCanonicalIsTheMeaning(t *testing.T) {
	base := entries("a", "x", "b", 1)
	for name, v := range map[string]connect.Value{
		"order": entries("b", 1, "a", "x"), "whole float": entries("a", "x", "b", 1.0),
		"narrow integer": connect.Map([]connect.MapEntry{{Key: connect.String("a"), Value: connect.String("x")}, {Key: connect.String("b"), Value: connect.Int32(1)}}),
	} {
		if canonical(v) != canonical(base) {
			t.Errorf("%s: %s is not %s", name, canonical(v), canonical(base))
		}
	}
	for name, v := range map[string]connect.Value{
		"text for a number": entries("a", "x", "b", "1"), "null": entries("a", "x", "b", nil), "fewer": entries("a", "x"),
		"quotes": entries(`a":"x","b`, 1), "half": entries("a", "x", "b", 1.5),
	} {
		if canonical(v) == canonical(base) {
			t.Errorf("%s is the same", name)
		}
	}
}

func TestUnitPositions(t *testing.T) {
	pos := func(part, at int) connect.Position {
		return connect.Position{Partition: entries("p", part), Offset: entries("o", at)}
	}
	ask := func(b *connect.Batch, i int) connect.Position {
		return pos(int(b.Records[i].Source), int(b.Records[i].Pos[0]))
	}
	fill := func(u *unit, recs ...[2]int) (*held, int32) {
		h := &held{}
		for _, r := range recs {
			rec := h.Add(1)
			rec.Source, rec.Pos[0] = int32(r[0]), int64(r[1])
		}
		n := u.hold(h)
		for i := range recs {
			u.done(n, h, i)
		}
		return h, n
	}
	text := func(ps []connect.Position) []string {
		var out []string
		for _, p := range ps {
			part, _ := p.Partition.Get("p")
			at, _ := p.Offset.Get("o")
			out = append(out, fmt.Sprintf("%d@%d", part.Int(), at.Int()))
		}
		slices.Sort(out)
		return out
	}
	cases := []struct {
		name string
		run  func(u *unit)
		want []string
	}{
		{"newest of each partition", func(u *unit) {
			fill(u, [2]int{0, 1}, [2]int{1, 5}, [2]int{0, 2})
			fill(u, [2]int{1, 6})
		}, []string{"0@2", "1@6"}},
		{"progress behind the records of its batch", func(u *unit) {
			_, n := fill(u, [2]int{0, 1})
			u.progress(n, []connect.Position{pos(0, 9)})
		}, []string{"0@9"}},
		{"records behind the progress of an earlier batch", func(u *unit) {
			_, n := fill(u, [2]int{0, 1})
			u.progress(n, []connect.Position{pos(0, 9), pos(2, 3)})
			fill(u, [2]int{0, 12})
		}, []string{"0@12", "2@3"}},
		{"batches that were let go", func(u *unit) {
			fill(u, [2]int{0, 1}, [2]int{1, 1})
			u.compact(ask, func(*held) {})
			fill(u, [2]int{0, 2})
			u.compact(ask, func(*held) {})
			fill(u, [2]int{0, 3})
		}, []string{"0@3", "1@1"}},
		{"parts of a transaction", func(u *unit) {
			before := &unit{}
			fill(before, [2]int{0, 7}, [2]int{1, 8})
			before.ask(ask)
			before.carryTo(u)
			fill(u, [2]int{0, 9})
		}, []string{"0@9", "1@8"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			u := &unit{}
			c.run(u)
			u.settle(ask)
			if got := text(u.positions); !slices.Equal(got, c.want) {
				t.Errorf("the positions are %v, want %v", got, c.want)
			}
			u.reset()
			if !u.empty() || len(u.positions) != 0 {
				t.Error("the unit is not empty after a reset")
			}
		})
	}
}

func TestUnitTruncate(t *testing.T) {
	u := &unit{}
	for i := range 5 {
		u.add(int32(i%2), kafka.Record{Value: []byte{byte(i)}})
	}
	mark := len(u.journal)
	u.add(3, kafka.Record{})
	u.add(0, kafka.Record{})
	u.truncate(mark)
	if len(u.records[0]) != 3 || len(u.records[1]) != 2 || len(u.records[3]) != 0 || len(u.journal) != 5 {
		t.Errorf("after the rollback: %v", u.records)
	}
}

func TestScratchKeepsWhatItGaveOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s scratch
		for range rapid.IntRange(1, 3).Draw(t, "rounds") {
			var kept, want [][]byte
			for i, n := range rapid.SliceOfN(rapid.IntRange(0, 40_000), 1, 40).Draw(t, "sizes") {
				text := bytes.Repeat([]byte{byte(i + 1)}, n)
				kept = append(kept, s.keep(append(s.tail(), text...)))
				want = append(want, text)
			}
			for i := range kept {
				if !bytes.Equal(kept[i], want[i]) || kept[i] == nil {
					t.Fatalf("encoding %d has changed", i)
				}
			}
			s.reset()
		}
	})
}

func TestRefusedRecordIsFoundAgain(t *testing.T) {
	tp := kafka.TopicPartition{Topic: "out", Partition: 1}
	u := &unit{targets: []kafka.TopicPartition{{Topic: "out"}, tp}}
	u.add(0, kafka.Record{Value: []byte("fine")})
	u.add(1, kafka.Record{Key: []byte("k"), Value: []byte("fine")})
	u.add(1, kafka.Record{Key: []byte("k"), Value: []byte("refused")})
	bad := refusedRecord(u, &kafka.RecordError{TopicPartition: tp, Index: 1, Err: errors.New("invalid")})
	if bad == nil || string(bad.Value) != "refused" {
		t.Fatalf("found %v", bad)
	}
	if r := refusedRecord(u, &kafka.RecordError{TopicPartition: kafka.TopicPartition{Topic: "offsets"}}); r != nil {
		t.Errorf("a record of another topic was found: %v", r)
	}
	w := &topicWriter{poison: map[refusal]error{refusalOf("out", bad): errors.New("invalid")}}
	w.dir.add("out", 2, 1000)
	if f := w.append(&unit{}, "out", 1, *bad); f == nil || f.stage != connect.StageKafkaProduce {
		t.Errorf("the record passes again: %v", f)
	}
	if f := w.append(&unit{}, "out", 1, u.records[0][0]); f != nil {
		t.Errorf("another record is refused: %v", f.err)
	}
}
