// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// scripted is a topic whose end is 10, that starts at *start, and whose fetches fetch answers.
func scripted(start *int64, fetch func(offset int64, bytes int32) kmsg.Response) func(kmsg.Request) kmsg.Response {
	return func(req kmsg.Request) kmsg.Response {
		switch r := req.(type) {
		case *kmsg.ListOffsetsRequest:
			if r.Topics[0].Partitions[0].Timestamp == Latest {
				return offsetAt(10)
			}
			return offsetAt(*start)
		case *kmsg.FetchRequest:
			part := r.Topics[0].Partitions[0]
			return fetch(part.FetchOffset, part.PartitionMaxBytes)
		}
		return nil
	}
}

func TestReplayReachesTheEndOver(t *testing.T) {
	var start int64
	whole := batchOf(5, 9, "a", "b")
	for name, tc := range map[string]struct {
		want  []string
		fetch func(offset int64, bytes int32) kmsg.Response
	}{
		"batches that cleaning has emptied": {[]string{"a", "b"}, func(offset int64, _ int32) kmsg.Response {
			if offset < 5 {
				return fetched(0, 10, batchOf(0, 4)) // nothing but its offsets is left
			}
			return fetched(0, 10, whole)
		}},
		"a batch larger than the share of a partition": {[]string{"a", "b"}, func(_ int64, bytes int32) kmsg.Response {
			if bytes <= 1<<20 {
				return fetched(0, 10, whole[:len(whole)-3])
			}
			return fetched(0, 10, whole)
		}},
		"a start of the log that moves meanwhile": {[]string{"a", "b"}, func(offset int64, _ int32) kmsg.Response {
			if offset < 5 {
				start = 5
				return fetched(1, 10, []byte{})
			}
			return fetched(0, 10, whole)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			start = 0
			c := newPeer(t, 1, scripted(&start, tc.fetch)).open()
			if got := replayed(t, c, "t", 0); !slices.Equal(got, tc.want) {
				t.Errorf("replayed %q", got)
			}
		})
	}
}

func produced(code int16, offset int64) kmsg.Response {
	part := kmsg.NewProduceResponseTopicPartition()
	part.ErrorCode, part.BaseOffset = code, offset
	resp := kmsg.NewPtrProduceResponse()
	resp.Topics = []kmsg.ProduceResponseTopic{{Topic: "t", Partitions: []kmsg.ProduceResponseTopicPartition{part}}}
	return resp
}

func TestProduceFollowsTheLeaderUnderTheSameSequence(t *testing.T) {
	var mu sync.Mutex
	var sequences []int32
	var second *peer
	note := func(r *kmsg.ProduceRequest) {
		var b kmsg.RecordBatch
		if err := b.ReadFrom(r.Topics[0].Partitions[0].Records); err != nil {
			t.Error(err)
		}
		mu.Lock()
		sequences = append(sequences, b.FirstSequence)
		mu.Unlock()
	}
	first := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
		if r, ok := req.(*kmsg.ProduceRequest); ok {
			note(r)
			return produced(6, -1) // NOT_LEADER_OR_FOLLOWER
		}
		return nil
	})
	second = newPeer(t, 2, func(req kmsg.Request) kmsg.Response {
		if r, ok := req.(*kmsg.ProduceRequest); ok {
			note(r)
			return produced(0, 40)
		}
		return nil
	})
	first.others = append(first.others, second)
	second.others = first.others
	c := first.open()
	for _, p := range first.others {
		p.mu.Lock()
		p.lead = 2
		p.mu.Unlock()
	}
	p := newProducer(t, c, "")
	tp := TopicPartition{Topic: "t"}
	p.Send(tp, texts("a", "b"))
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sequences, []int32{0, 0}) || p.LastOffset(tp) != 41 {
		t.Errorf("sequences %v, last offset %d", sequences, p.LastOffset(tp))
	}
}

func TestProduceAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		codes  []int16 // one an attempt, the last for ever
		fenced bool
		fails  bool
	}{
		"a duplicate is there already":       {codes: []int16{46}},
		"replicas are missing for a while":   {codes: []int16{19, 20, 0}},
		"an answer that timed out":           {codes: []int16{7, 0}},
		"an older epoch":                     {codes: []int16{47}, fenced: true, fails: true},
		"a newer producer":                   {codes: []int16{90}, fenced: true, fails: true},
		"a forgotten transactional id":       {codes: []int16{49}, fenced: true, fails: true},
		"a gap in the sequence":              {codes: []int16{45}, fails: true},
		"a topic that may not be written to": {codes: []int16{29}, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			attempt := 0
			c := newPeer(t, 1, func(req kmsg.Request) kmsg.Response {
				if _, ok := req.(*kmsg.ProduceRequest); !ok {
					return nil
				}
				code := tc.codes[min(attempt, len(tc.codes)-1)]
				attempt++
				return produced(code, 0)
			}).open()
			p := newProducer(t, c, "")
			p.Send(TopicPartition{Topic: "t"}, texts("a"))
			err := p.Flush(within(t))
			if (err != nil) != tc.fails || errors.Is(err, ErrFenced) != tc.fenced {
				t.Errorf("flush: %v", err)
			}
			if attempt != len(tc.codes) {
				t.Errorf("%d attempts", attempt)
			}
		})
	}
}
