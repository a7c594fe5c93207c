// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var fresh = Producer{-1, -1}

func TestInitProducerRules(t *testing.T) {
	ctx := context.Background()
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	initialise := func(p Producer) (Producer, error) { return s.InitProducer(ctx, "tx", time.Minute, p) }
	first, err := initialise(fresh)
	must(t, err)
	if first.Epoch != 0 {
		t.Fatalf("a new transactional id begins at epoch %d", first.Epoch)
	}
	second, err := initialise(fresh)
	must(t, err)
	if second != (Producer{first.ID, 1}) {
		t.Fatalf("initialised again as %v", second)
	}
	_, err = initialise(first)
	wantCode(t, err, CodeProducerFenced)
	third, err := initialise(second)
	must(t, err)
	again, err := initialise(second)
	must(t, err)
	if third != (Producer{first.ID, 2}) || again != third {
		t.Fatalf("continued as %v, repeated as %v", third, again)
	}
	// The session's own transaction is aborted; that of a successor is not.
	p := &producing{t: t, s: s, name: "tx", p: third, seqs: map[*Log]int32{}}
	p.send(l, kv("a", "1"))
	_, err = initialise(second)
	wantCode(t, err, CodeProducerFenced)
	if info, err := s.DescribeTxn("tx"); err != nil || info.State != TxnOngoing || info.Producer != third || len(info.Partitions) != 1 {
		t.Fatalf("the successor's transaction: %+v, %v", info, err)
	}
	fourth, err := initialise(third)
	must(t, err)
	wantRecords(t, l)
	if fourth.ID != first.ID || fourth.Epoch != 3 {
		t.Fatalf("continued in a transaction as %v", fourth)
	}
	_, err = s.InitProducer(ctx, "tx", time.Hour, fresh)
	wantCode(t, err, CodeInvalidTxnTimeout)
	_, err = s.InitProducer(ctx, "tx", 0, fresh)
	wantCode(t, err, CodeInvalidTxnTimeout)
	_, err = initialise(Producer{first.ID + 77, 0})
	wantCode(t, err, CodeProducerFenced)
}

func TestEpochsRunOut(t *testing.T) {
	ctx := context.Background()
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	p := transactional(t, s, "tx")
	must(t, s.update(func() error {
		r := s.txns["tx"].producerRecord
		r.Producer.Epoch = math.MaxInt16 - 1
		return s.putProducer(r)
	}))
	p.p.Epoch = math.MaxInt16 - 1
	p.send(l, kv("a", "1"))
	next, err := s.InitProducer(ctx, "tx", time.Minute, p.p)
	must(t, err)
	again, err := s.InitProducer(ctx, "tx", time.Minute, p.p)
	must(t, err)
	if next.ID == p.p.ID || next.Epoch != 0 || again != next {
		t.Fatalf("after the last epoch: %v, repeated %v", next, again)
	}
	_, err = l.Append(p.batch(l, kv("a", "2")))
	wantCode(t, err, CodeInvalidProducerID)
	wantRecords(t, l)
}

func TestTransactionRules(t *testing.T) {
	ctx := context.Background()
	s := open(t, quiet(t.TempDir()))
	logs := topicOf(t, s, "t", 2, nil)
	p := transactional(t, s, "tx")
	part := []TopicPartition{{"t", 0}}
	stale := Producer{p.p.ID, p.p.Epoch - 1}
	other := Producer{p.p.ID + 50, 0}

	_, err := logs[0].Append(p.batch(logs[0], kv("a", "not added")))
	wantCode(t, err, CodeInvalidTxnState)
	wantCode(t, s.EndTxn(ctx, "tx", p.p, true), CodeInvalidTxnState)
	wantCode(t, s.AddPartitions("tx", stale, part), CodeProducerFenced)
	wantCode(t, s.AddPartitions("tx", other, part), CodeInvalidProducerID)
	wantCode(t, s.AddPartitions("unknown", p.p, part), CodeInvalidProducerID)
	wantCode(t, s.AddPartitions("tx", p.p, []TopicPartition{{"t", 0}, {"t", 2}}), CodeUnknownTopicOrPart)
	wantCode(t, s.CheckPartitions("tx", p.p, part), CodeInvalidTxnState)
	if info, err := s.DescribeTxn("tx"); err != nil || info.State != TxnEmpty {
		t.Fatalf("refused calls opened a transaction: %+v, %v", info, err)
	}
	wantCode(t, s.TxnCommitOffsets("tx", p.p, "g", nil, nil), CodeInvalidTxnState)
	must(t, s.AddPartitions("tx", p.p, part))
	must(t, s.CheckPartitions("tx", p.p, part))
	wantCode(t, s.CheckPartitions("tx", p.p, []TopicPartition{{"t", 1}}), CodeInvalidTxnState)
	wantCode(t, s.TxnCommitOffsets("tx", p.p, "g", nil, nil), CodeInvalidTxnState)
	must(t, s.AddOffsets("tx", p.p, "g"))
	wantCode(t, s.TxnCommitOffsets("tx", stale, "g", nil, nil), CodeInvalidProducerEpoch)
	refused := errorf(CodeUnknown, "not a member")
	if err := s.TxnCommitOffsets("tx", p.p, "g", []GroupOffset{{Topic: "t", Offset: 9}}, func() error { return refused }); err != refused {
		t.Fatalf("the check's error is lost: %v", err)
	}
	_, err = logs[1].Append(batchSpec{producer: p.p, txn: true, recs: []rec{kv("a", "")}}.bytes())
	wantCode(t, err, CodeInvalidTxnState)
	_, err = logs[0].Append(batchSpec{producer: p.p, recs: []rec{kv("a", "")}}.bytes())
	wantCode(t, err, CodeInvalidTxnState)
	_, err = logs[0].Append(batchSpec{producer: Producer{p.p.ID, p.p.Epoch + 1}, txn: true, recs: []rec{kv("a", "")}}.bytes())
	wantCode(t, err, CodeInvalidProducerEpoch)
	_, err = logs[0].Append(batchSpec{producer: other, txn: true, recs: []rec{kv("a", "")}}.bytes())
	wantCode(t, err, CodeInvalidProducerID)
	wantCode(t, s.EndTxn(ctx, "tx", stale, true), CodeProducerFenced)
	must(t, s.EndTxn(ctx, "tx", p.p, false))
	must(t, s.EndTxn(ctx, "tx", p.p, false))
	wantCode(t, s.EndTxn(ctx, "tx", p.p, true), CodeInvalidTxnState)
	if offsets, err := s.Offsets(ctx, "g"); err != nil || len(offsets) != 0 {
		t.Fatalf("offsets: %v, %v", offsets, err)
	}
	_, err = s.DescribeTxn("unknown")
	wantCode(t, err, CodeTransactionalIDUnknown)
	if list := s.ListTxns(); len(list) != 1 || list[0].State != TxnCompleteAbort {
		t.Fatalf("list: %+v", list)
	}
}

func TestSequences(t *testing.T) {
	o := quiet(t.TempDir())
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	p, err := s.InitProducer(context.Background(), "", 0, fresh)
	must(t, err)
	send := func(epoch int16, seq int32, records int) (int64, error) {
		return l.Append(batchSpec{producer: Producer{p.ID, epoch}, seq: seq, recs: make([]rec, records)}.bytes())
	}
	for i := range 7 {
		base, err := send(0, int32(2*i), 2)
		must(t, err)
		if base != int64(2*i) {
			t.Fatalf("batch %d at offset %d", i, base)
		}
	}
	check := func() {
		t.Helper()
		for _, tt := range []struct {
			name    string
			epoch   int16
			seq     int32
			records int
			base    int64
			code    Code
		}{
			{"repeat of the newest", 0, 12, 2, 12, 0},
			{"repeat of the fifth", 0, 4, 2, 4, 0},
			{"repeat of an older one", 0, 2, 2, 0, CodeOutOfOrderSequence},
			{"another length", 0, 12, 1, 0, CodeOutOfOrderSequence},
			{"gap", 0, 15, 1, 0, CodeOutOfOrderSequence},
			{"new epoch not from 0", 1, 14, 1, 0, CodeOutOfOrderSequence},
		} {
			base, err := send(tt.epoch, tt.seq, tt.records)
			if CodeOf(err) != tt.code || err == nil && base != tt.base {
				t.Errorf("%s: %d, %v", tt.name, base, err)
			}
		}
	}
	check()
	must(t, s.Sync(context.Background()))
	crash(t, s)
	s = open(t, o)
	l = logsOf(t, s, "t")[0]
	check()
	must(t, s.update(s.roll))
	crash(t, s)
	s = open(t, o)
	l = logsOf(t, s, "t")[0]
	check()
	want := []ProducerInfo{{Producer: Producer{p.ID, 0}, LastSequence: 13, LastTimestamp: newClock().now.UnixMilli(), TxnStartOffset: -1}}
	if diff := cmp.Diff(want, l.Producers()); diff != "" {
		t.Fatal(diff)
	}
}

func TestEpochsAndSequenceWrap(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	l := topicOf(t, s, "t", 1, nil)[0]
	p, err := s.InitProducer(context.Background(), "", 0, fresh)
	must(t, err)
	send := func(epoch int16, seq int32, records int) (int64, error) {
		return l.Append(batchSpec{producer: Producer{p.ID, epoch}, seq: seq, recs: make([]rec, records)}.bytes())
	}
	_, err = send(0, math.MaxInt32-1, 3)
	must(t, err)
	_, err = send(0, 0, 1)
	wantCode(t, err, CodeOutOfOrderSequence)
	base, err := send(0, 1, 1)
	must(t, err)
	if again, err := send(0, math.MaxInt32-1, 3); again != 0 || base != 3 || err != nil {
		t.Fatalf("repeat over the wrap: %d, %v", again, err)
	}
	_, err = send(1, 0, 1)
	must(t, err)
	_, err = send(0, 2, 1)
	wantCode(t, err, CodeInvalidProducerEpoch)
	next, err := s.InitProducer(context.Background(), "", 0, fresh)
	must(t, err)
	if next.ID <= p.ID {
		t.Fatalf("producer id %d was handed out after %d", next.ID, p.ID)
	}
}

func TestTransactionTimeOut(t *testing.T) {
	now := newClock()
	o := quiet(t.TempDir())
	o.Now = now.Now
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	now.Advance(59 * time.Second)
	must(t, s.Tick(context.Background()))
	if _, stable, _ := l.Offsets(); stable != 0 {
		t.Fatal("aborted before its time-out")
	}
	woken := make(chan struct{}, 1)
	cancel := l.Watch(woken)
	defer cancel()
	now.Advance(2 * time.Second)
	must(t, s.Tick(context.Background()))
	<-woken
	wantRecords(t, l)
	wantCode(t, s.EndTxn(context.Background(), "tx", p.p, true), CodeProducerFenced)
	_, err := l.Append(p.batch(l, kv("a", "2")))
	wantCode(t, err, CodeInvalidProducerEpoch)
	next, err := s.InitProducer(context.Background(), "tx", time.Minute, p.p)
	must(t, err)
	p.p, p.seqs = next, map[*Log]int32{}
	p.send(l, kv("a", "3"))
	p.end(true)
	wantRecords(t, l, "2:a=3")
}

func TestIdleProducersAreForgotten(t *testing.T) {
	now := newClock()
	o := quiet(t.TempDir())
	o.Now = now.Now
	s := open(t, o)
	l := topicOf(t, s, "t", 1, map[string]string{"retention.ms": "-1"})[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	p.end(true)
	must(t, s.Tick(context.Background()))
	now.Advance(6 * 24 * time.Hour)
	must(t, s.Tick(context.Background()))
	if len(s.ListTxns()) != 1 || len(l.Producers()) != 1 {
		t.Fatal("forgotten too early")
	}
	now.Advance(2 * 24 * time.Hour)
	must(t, s.Tick(context.Background()))
	if len(s.ListTxns()) != 0 || len(l.Producers()) != 0 || s.Stats().Producers != 0 {
		t.Fatalf("remembered: %v, %v", s.ListTxns(), l.Producers())
	}
	must(t, s.Sync(context.Background()))
	crash(t, s)
	s = open(t, o)
	if len(s.ListTxns()) != 0 {
		t.Fatal("remembered again after a kill")
	}
	wantRecords(t, logsOf(t, s, "t")[0], "0:a=1")
}

func TestProducersAreBounded(t *testing.T) {
	o := quiet(t.TempDir())
	o.MaxProducers = 50
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	for range 500 {
		p, err := s.InitProducer(context.Background(), "", 0, fresh)
		must(t, err)
		_, err = l.Append(batchSpec{producer: p, recs: []rec{kv("a", "1")}}.bytes())
		must(t, err)
		if n := s.Stats().Producers; n > 50 {
			t.Fatalf("%d producers are remembered", n)
		}
	}
	var err error
	for range 51 {
		_, err = s.InitProducer(context.Background(), string(rune('a'+rand.IntN(26)))+time.Now().String(), time.Minute, fresh)
	}
	wantCode(t, err, CodePolicyViolation)
}

// A segment is sealed between a commit's entry and its sync: the next segment's
// snapshot must know the decision.
func TestSealingBetweenCommitAndSync(t *testing.T) {
	for _, commit := range []bool{true, false} {
		o := quiet(t.TempDir())
		s := open(t, o)
		l := topicOf(t, s, "t", 1, nil)[0]
		p := transactional(t, s, "tx")
		p.send(l, kv("a", "1"))
		p.offset("g", "t", 5)
		must(t, s.update(func() error {
			if _, err := s.appendEnd(s.txns["tx"], commit, false); err != nil {
				return err
			}
			return s.roll()
		}))
		crash(t, s)
		s = open(t, o)
		l = logsOf(t, s, "t")[0]
		offsets, err := s.Offsets(context.Background(), "g")
		must(t, err)
		if got, _ := consume(t, l, ReadCommitted, 100); (len(got) == 1) != commit || (len(offsets) == 1) != commit {
			t.Fatalf("commit=%v: %v, %v", commit, got, offsets)
		}
	}
}

// What recovery found and showed to readers must survive the next power failure.
func TestRecoveredStateIsDurable(t *testing.T) {
	fs := newFaultFS()
	o := quiet(t.TempDir())
	o.FS = fs
	s := open(t, o)
	l := topicOf(t, s, "t", 1, nil)[0]
	p := transactional(t, s, "tx")
	p.send(l, kv("a", "1"))
	must(t, s.update(func() error {
		_, err := s.appendEnd(s.txns["tx"], true, false)
		return err
	}))
	must(t, s.Flush())
	crash(t, s)
	s = open(t, o)
	wantRecords(t, logsOf(t, s, "t")[0], "0:a=1")
	crash(t, s)
	for seed := range uint64(20) {
		fs.cutPower(t, rand.New(rand.NewPCG(seed, 0)))
	}
	s = open(t, o)
	wantRecords(t, logsOf(t, s, "t")[0], "0:a=1")
}

func TestConcurrentTransactionsShareSyncs(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	logs := topicOf(t, s, "t", 8, nil)
	done := make(chan error, len(logs))
	for i, l := range logs {
		p := transactional(t, s, string(rune('a'+i)))
		go func() {
			for range 50 {
				if err := s.AddPartitions(p.name, p.p, []TopicPartition{{"t", int32(i)}}); err != nil {
					done <- err
					return
				}
				if _, err := l.Append(p.batch(l, kv("k", "v"))); err != nil {
					done <- err
					return
				}
				if err := s.EndTxn(context.Background(), p.name, p.p, true); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range logs {
		must(t, <-done)
	}
	for _, l := range logs {
		if got, _ := consume(t, l, ReadCommitted, 1<<20); len(got) != 50 {
			t.Fatalf("%d records", len(got))
		}
	}
	if n := s.Stats().Syncs; n > 400 {
		t.Errorf("%d syncs for 400 transactions", n)
	}
}

// TestEndShowsInAllPartitionsAtOnce: who has seen the end of a transaction in one partition
// sees it in the others, in whatever order they are looked at.
func TestEndShowsInAllPartitionsAtOnce(t *testing.T) {
	s := open(t, quiet(t.TempDir()))
	logs := topicOf(t, s, "t", 24, nil)
	p := transactional(t, s, "tx")
	done := make(chan struct{})
	look := func(first, second *Log) func() {
		return func() {
			for {
				_, seen, _ := first.Offsets()
				if _, other, _ := second.Offsets(); other < seen {
					t.Errorf("partition %d is stable up to %d, and then partition %d only up to %d", first.part, seen, second.part, other)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		}
	}
	var readers sync.WaitGroup
	readers.Go(look(logs[0], logs[23]))
	readers.Go(look(logs[23], logs[0]))
	for i := range 100 {
		for _, l := range logs {
			p.send(l, kv("k", "v"))
		}
		p.end(i%3 != 0)
	}
	close(done)
	readers.Wait()
}
