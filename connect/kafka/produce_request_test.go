// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// flightOf is a flight with one batch of a record for each partition.
func flightOf(tps ...TopicPartition) *flight {
	f := &flight{}
	for _, tp := range tps {
		q := &partitionQueue{tp: tp, sets: [][]Record{texts(fmt.Sprint("for ", tp.Topic, tp.Partition))}}
		f.parts = append(f.parts, flightPart{q: q, n: 1})
	}
	return f
}

func TestRequestHasEachTopicOnce(t *testing.T) {
	for name, id := range map[string]string{"idempotent": "", "transactional": "txn"} {
		t.Run(name, func(t *testing.T) {
			p := &Producer{c: &Cluster{settings: Settings{ClientID: "me", RequestTimeout: 30 * time.Second}}, opts: ProducerOptions{TransactionalID: id}}
			var w requestWriter
			f := flightOf(TopicPartition{Topic: "b", Partition: 1}, TopicPartition{Topic: "a", Partition: 2}, TopicPartition{Topic: "b", Partition: 0}, TopicPartition{Topic: "a", Partition: 10})
			raw, err := w.request(p, f)
			if err != nil {
				t.Fatal(err)
			}
			if int(binary.BigEndian.Uint32(raw))+4 != len(raw) || string(raw[4:8]) != "\x00\x00\x00\x07" || string(raw[12:16]) != "\x00\x02me" {
				t.Fatalf("head % x", raw[:16])
			}
			var got kmsg.ProduceRequest
			got.SetVersion(7)
			if err := got.ReadFrom(raw[16:]); err != nil {
				t.Fatal(err)
			}
			if got.Acks != -1 || got.TimeoutMillis != 30_000 || (got.TransactionID != nil) != (id != "") || id != "" && *got.TransactionID != id {
				t.Errorf("%+v", got)
			}
			var texts []string
			for _, topic := range got.Topics {
				for _, part := range topic.Partitions {
					_, rs := readBatch(t, part.Records)
					texts = append(texts, fmt.Sprint(topic.Topic, part.Partition, " ", string(rs[0].Value)))
				}
			}
			want := []string{"a2 for a2", "a10 for a10", "b0 for b0", "b1 for b1"}
			if len(got.Topics) != 2 || !slices.Equal(texts, want) {
				t.Errorf("%d topics, %q", len(got.Topics), texts)
			}
		})
	}
}

func TestRequestsThatNoBrokerTakes(t *testing.T) {
	for name, tc := range map[string]struct {
		client string
		size   int
		says   string
	}{
		"a name that is too long": {client: strings.Repeat("x", 40_000), says: "client.id"},
		"more than 100 MiB":       {size: 100 << 20, says: "takes 104857600"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &Producer{c: &Cluster{settings: Settings{ClientID: tc.client}}}
			f := flightOf(TopicPartition{Topic: "t"})
			f.parts[0].q.sets[0][0].Value = make([]byte, tc.size)
			var w requestWriter
			if _, err := w.request(p, f); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestMemoryOfALargeRequestIsLetGo(t *testing.T) {
	p := &Producer{c: &Cluster{}}
	f := flightOf(TopicPartition{Topic: "t"})
	small := f.parts[0].q.sets[0][0].Value
	var w requestWriter
	for i, tc := range []struct {
		value []byte
		kept  bool
	}{{make([]byte, 16<<20), true}, {make([]byte, 4<<20), true}, {small, false}} {
		f.parts[0].q.sets[0][0].Value = tc.value
		if _, err := w.request(p, f); err != nil {
			t.Fatal(err)
		}
		if w.shrink(); (cap(w.buf) >= 16<<20) != tc.kept {
			t.Errorf("step %d: %d bytes are kept", i, cap(w.buf))
		}
	}
}

// answerOf encodes an answer of version 7 for partitions in this order.
func answerOf(code int16, tps ...TopicPartition) []byte {
	resp := kmsg.NewPtrProduceResponse()
	resp.SetVersion(7)
	resp.ThrottleMillis = 20
	for i, tp := range tps {
		part := kmsg.NewProduceResponseTopicPartition()
		part.Partition, part.ErrorCode, part.BaseOffset = tp.Partition, code, int64(100+i)
		resp.Topics = append(resp.Topics, kmsg.ProduceResponseTopic{Topic: tp.Topic, Partitions: []kmsg.ProduceResponseTopicPartition{part}})
	}
	return resp.AppendTo(nil)
}

func TestAnswerInAnyOrder(t *testing.T) {
	a, b0, b1 := TopicPartition{Topic: "a"}, TopicPartition{Topic: "b"}, TopicPartition{Topic: "b", Partition: 1}
	f := flightOf(a, b0, b1)
	body := answerOf(6, b1, a, TopicPartition{Topic: "b", Partition: 7}, TopicPartition{Topic: "unasked"})
	throttle, err := f.answer(body)
	if err != nil || throttle != 20*time.Millisecond {
		t.Fatal(throttle, err)
	}
	want := []flightPart{
		{f.parts[0].q, 1, true, sarama.ErrNotLeaderForPartition, 101}, {f.parts[1].q, 1, false, 0, 0}, {f.parts[2].q, 1, true, sarama.ErrNotLeaderForPartition, 100},
	}
	if !slices.Equal(f.parts, want) {
		t.Errorf("%+v", f.parts)
	}
	if most := f.answerLimit(); most < len(answerOf(0, a, b0, b1)) {
		t.Errorf("an answer is limited to %d bytes", most)
	}
}

func TestMalformedAnswers(t *testing.T) {
	tp := TopicPartition{Topic: "t"}
	whole := answerOf(0, tp)
	bodies := map[string][]byte{"one byte more": append(slices.Clone(whole), 0)}
	for n := range whole {
		bodies[fmt.Sprint(n, " bytes")] = whole[:n]
	}
	for name, at := range map[string]int{"topics": 0, "partitions": 7} {
		for _, n := range []uint32{1 << 31, 1<<31 - 1, 2, 0xffffffff} {
			body := slices.Clone(whole)
			binary.BigEndian.PutUint32(body[at:], n)
			bodies[fmt.Sprint(int32(n), " ", name)] = body
		}
	}
	long := slices.Clone(whole)
	binary.BigEndian.PutUint16(long[4:], 0x8000)
	bodies["a name of a negative length"] = long
	for name, body := range bodies {
		if _, err := flightOf(tp).answer(body); !errors.Is(err, errMalformedAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzProduceAnswer(f *testing.F) {
	tp := TopicPartition{Topic: "t"}
	f.Add(answerOf(0, tp))
	f.Add(answerOf(3, tp, TopicPartition{Topic: "u", Partition: 3}))
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, body []byte) {
		fl := flightOf(tp)
		if _, err := fl.answer(body); err == nil && len(body) < 8 {
			t.Errorf("% x is an answer", body)
		}
	})
}

func TestOtherClientsReadWhatIsProduced(t *testing.T) {
	for _, name := range codecNames {
		t.Run(name, func(t *testing.T) {
			c := openCluster(t, "compression.type", name)
			tp := TopicPartition{Topic: newTopic(t, c, 1)}
			p := newProducer(t, c, brokertest.Name(t, "txn"))
			want := strange()
			p.Send(tp, want)
			ctx := within(t)
			if err := errors.Join(p.Flush(ctx), p.Commit(ctx)); err != nil {
				t.Fatal(err)
			}
			same(t, "kgo", byKgo(t, c.settings.Brokers, tp, len(want)), want)
			var bySarama []Record
			if _, err := c.Replay(ctx, tp.Topic, []int32{0}, nil, func(_ int32, r *Record) error {
				bySarama = append(bySarama, Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp})
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			same(t, "sarama", bySarama, want)
		})
	}
}

func byKgo(t *testing.T, brokers []string, tp TopicPartition, n int) []Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{tp.Topic: {tp.Partition: kgo.NewOffset().AtStart()}}))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var out []Record
	for ctx := within(t); len(out) < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			got := Record{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp.UnixMilli()}
			for _, h := range r.Headers {
				got.Headers = append(got.Headers, Header{Key: h.Key, Value: h.Value})
			}
			out = append(out, got)
		}
	}
	return out
}

// same compares records, of which nil and empty are told apart.
func same(t *testing.T, client string, got, want []Record) {
	t.Helper()
	text := func(rs []Record) []string {
		var out []string
		for _, r := range rs {
			line := fmt.Sprintf("%d %#v %d %#v", r.Timestamp, r.Key, len(r.Value), r.Value == nil)
			for _, h := range r.Headers {
				line += fmt.Sprintf(" %q=%#v", h.Key, h.Value)
			}
			out = append(out, line)
		}
		return out
	}
	if g, w := text(got), text(want); !slices.Equal(g, w) {
		t.Errorf("%s reads\n%s\nof\n%s", client, strings.Join(g, "\n"), strings.Join(w, "\n"))
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i].Value, want[i].Value) {
			t.Errorf("%s reads another value of record %d", client, i)
		}
	}
}

func TestTimestampBefore1970IsNamed(t *testing.T) {
	c := openCluster(t)
	tp := TopicPartition{Topic: newTopic(t, c, 1)}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	rs := texts("a", "b", "c")
	rs[2].Timestamp = -2
	p.Send(tp, rs)
	var refused *RecordError
	if err := p.Flush(within(t)); !errors.As(err, &refused) || refused.Index != 2 || !errors.Is(err, sarama.ErrInvalidTimestamp) {
		t.Fatalf("flush: %v", err)
	}
	if err := p.Abort(within(t)); err != nil {
		t.Fatal(err)
	}
}
