// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// poll polls until n records have come.
func poll(t *testing.T, f *Fetcher, n int) map[TopicPartition][]string {
	t.Helper()
	ctx, out := within(t), map[TopicPartition][]string{}
	for got := 0; got < n; {
		runs, err := f.Poll(ctx)
		if err != nil || ctx.Err() != nil {
			t.Fatalf("%d of %d records: %v", got, n, errors.Join(err, ctx.Err()))
		}
		for _, r := range runs {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			for _, rec := range r.Records {
				out[r.TopicPartition] = append(out[r.TopicPartition], string(rec.Value))
				got++
			}
		}
	}
	return out
}

func TestFetchDecodesEveryCompression(t *testing.T) {
	for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			c := openCluster(t, "compression.type", codec)
			tp := TopicPartition{Topic: newTopic(t, c, 1)}
			var want []string
			for i := range 500 {
				want = append(want, fmt.Sprintf("record %d of a batch that repeats itself", i))
			}
			p := newProducer(t, c, "")
			p.Send(tp, texts(want...))
			if err := p.Flush(within(t)); err != nil {
				t.Fatal(err)
			}
			f := c.NewFetcher(FetcherOptions{})
			defer f.Close()
			f.Assign(TopicOffset{TopicPartition: tp})
			if got := poll(t, f, len(want))[tp]; !slices.Equal(got, want) {
				t.Errorf("read %d records, first %q", len(got), got[0])
			}
		})
	}
}

func TestFetchKeepsNullsHeadersAndTimes(t *testing.T) {
	c := openCluster(t)
	tp := TopicPartition{Topic: newTopic(t, c, 1)}
	in := []Record{
		{Key: []byte("k"), Timestamp: 1_700_000_000_123},
		{Value: []byte{}, Timestamp: 1_700_000_000_001, Headers: []Header{{Key: "a", Value: []byte("1")}, {Key: "a"}}},
	}
	p := newProducer(t, c, "")
	p.Send(tp, in)
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	var got []Record
	if _, err := c.Replay(within(t), tp.Topic, []int32{0}, nil, func(_ int32, r *Record) error { got = append(got, *r); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || string(got[0].Key) != "k" || got[0].Value != nil || got[1].Key != nil || got[1].Value == nil ||
		got[0].Timestamp != in[0].Timestamp || got[1].Timestamp != in[1].Timestamp || got[1].Offset != 1 ||
		len(got[1].Headers) != 2 || string(got[1].Headers[0].Value) != "1" || got[1].Headers[1].Value != nil {
		t.Errorf("read %+v", got)
	}
}

func TestUncommittedIsolationSeesAbortedRecords(t *testing.T) {
	c := openCluster(t)
	tp := TopicPartition{Topic: newTopic(t, c, 1)}
	p := newProducer(t, c, brokertest.Name(t, "txn"))
	ctx := within(t)
	p.Send(tp, texts("aborted"))
	if err := errors.Join(p.Flush(ctx), p.Abort(ctx)); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetcherOptions{Isolation: ReadUncommitted})
	defer f.Close()
	f.Assign(TopicOffset{TopicPartition: tp})
	if got := poll(t, f, 1)[tp]; !slices.Equal(got, []string{"aborted"}) {
		t.Errorf("read %q", got)
	}
}

func TestPartitionsThatCannotBeReadSayWhy(t *testing.T) {
	c := openCluster(t)
	for name, tc := range map[string]struct {
		at   TopicOffset
		want error
	}{
		"out of range":  {TopicOffset{TopicPartition: TopicPartition{Topic: newTopic(t, c, 1)}, Offset: 1000}, ErrOffsetOutOfRange},
		"unknown topic": {TopicOffset{TopicPartition: TopicPartition{Topic: brokertest.Topic(t, "nowhere")}}, ErrUnknownTopic},
	} {
		t.Run(name, func(t *testing.T) {
			f := c.NewFetcher(FetcherOptions{})
			defer f.Close()
			f.Assign(tc.at)
			runs, err := f.Poll(within(t))
			if err != nil || len(runs) != 1 || !errors.Is(runs[0].Err, tc.want) {
				t.Errorf("runs %v, %v", runs, err)
			}
		})
	}
}

func TestResumedPartitionDoesNotWaitForTheLongPollOfAnother(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 2)
	quiet, lively := TopicPartition{Topic: topic}, TopicPartition{Topic: topic, Partition: 1}
	p := newProducer(t, c, "")
	p.Send(lively, texts("there"))
	if err := p.Flush(within(t)); err != nil {
		t.Fatal(err)
	}
	f := c.NewFetcher(FetcherOptions{MaxWait: 5 * time.Second})
	defer f.Close()
	f.Assign(TopicOffset{TopicPartition: quiet}, TopicOffset{TopicPartition: lively})
	f.Pause(lively)
	short, cancel := context.WithTimeout(within(t), 50*time.Millisecond)
	defer cancel()
	if runs, err := f.Poll(short); err != nil || len(runs) > 0 {
		t.Fatalf("a paused partition gave %v, %v", runs, err)
	}
	f.Resume(lively)
	start := time.Now()
	poll(t, f, 1)
	if d := time.Since(start); d > time.Second {
		t.Errorf("the record came after %v", d)
	}
}

func TestReplayWaitsForAnOpenTransaction(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 1)
	open, other := newProducer(t, c, brokertest.Name(t, "open")), newProducer(t, c, brokertest.Name(t, "other"))
	ctx := within(t)
	open.Send(TopicPartition{Topic: topic}, texts("of the open one"))
	if err := open.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	other.Send(TopicPartition{Topic: topic}, texts("committed behind it"))
	if err := errors.Join(other.Flush(ctx), other.Commit(ctx)); err != nil {
		t.Fatal(err)
	}
	read := make(chan []string, 1)
	go func() { read <- replayed(t, c, topic, 0) }()
	select {
	case got := <-read:
		t.Fatalf("the replay ended before the open transaction, with %q", got)
	case <-time.After(300 * time.Millisecond): // time to go wrong; the result does not depend on it
	}
	if err := open.Abort(ctx); err != nil {
		t.Fatal(err)
	}
	if got := <-read; !slices.Equal(got, []string{"committed behind it"}) {
		t.Errorf("replayed %q", got)
	}
}

func TestReplayBeginsAtTheStartOfTheLog(t *testing.T) {
	c := openCluster(t)
	topic := newTopic(t, c, 1)
	p := newProducer(t, c, "")
	ctx := within(t)
	for _, v := range []string{"a", "b", "c"} {
		p.Send(TopicPartition{Topic: topic}, texts(v))
		if err := p.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.DeleteRecords(ctx, topic, map[int32]int64{0: 2}); err != nil {
		t.Fatal(err)
	}
	if got := replayed(t, c, topic, 0); !slices.Equal(got, []string{"c"}) {
		t.Errorf("replayed %q", got)
	}
}
