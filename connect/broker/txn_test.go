// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/brokertest"
)

// TestGroupTransactSession moves records from topic to topic exactly once, with
// aborts in between.
func TestGroupTransactSession(t *testing.T) {
	addr := brokertest.Start(t)
	in, out := brokertest.Topic(t, "in"), brokertest.Topic(t, "out")
	cl := newKgo(t, addr)
	createTopic(t, cl, in, 2)
	createTopic(t, cl, out, 2)
	const records = 200
	for i := range records {
		must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: in, Value: fmt.Append(nil, i)}).FirstErr())
	}
	s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(addr), kgo.TransactionalID(brokertest.Name(t, "eos")),
		kgo.ConsumerGroup(brokertest.Name(t, "eos")), kgo.ConsumeTopics(in), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	must(t, err)
	defer s.Close()
	committed := 0
	for round := 0; committed < records; round++ {
		fs := s.PollRecords(testContext(t), 30)
		must(t, errors.Join(fetchErrors(fs)...))
		must(t, s.Begin())
		fs.EachRecord(func(r *kgo.Record) { s.Produce(testContext(t), &kgo.Record{Topic: out, Value: r.Value}, nil) })
		ok, err := s.End(testContext(t), kgo.TransactionEndTry(round%3 != 1))
		must(t, err)
		if ok {
			committed += fs.NumRecords()
		}
	}
	got := values(t, addr, out, records)
	seen := map[string]bool{}
	for _, v := range got {
		seen[v[2:]] = true
	}
	if len(got) != records || len(seen) != records {
		t.Errorf("%d records of %d values arrived, want %d of each", len(got), len(seen), records)
	}
}

// session is a transactional producer by single requests, of versions in which
// transactions add their partitions explicitly.
type session struct {
	t     *testing.T
	cl    *kgo.Client
	id    string
	pid   int64
	epoch int16
	seq   int32
}

func newSession(t *testing.T, addr, id string) *session {
	t.Helper()
	s := &session{t: t, cl: newKgo(t, addr), id: id}
	res := s.init(-1, -1)
	must(t, kerr.ErrorForCode(res.ErrorCode))
	s.pid, s.epoch = res.ProducerID, res.ProducerEpoch
	return s
}

func (s *session) init(pid int64, epoch int16) *kmsg.InitProducerIDResponse {
	s.t.Helper()
	r := kmsg.NewPtrInitProducerIDRequest()
	r.TransactionalID, r.TransactionTimeoutMillis = &s.id, 60_000
	r.ProducerID, r.ProducerEpoch = pid, epoch
	var res *kmsg.InitProducerIDResponse
	await(s.t, "the former transaction's end", func() bool {
		var err error
		res, err = r.RequestWith(testContext(s.t), s.cl)
		must(s.t, err)
		return res.ErrorCode != kerr.ConcurrentTransactions.Code
	})
	return res
}

// retry repeats what a real broker refuses until its markers are written.
func (s *session) retry(what string, fn func() int16) error {
	s.t.Helper()
	var c int16
	await(s.t, what, func() bool { c = fn(); return c != kerr.ConcurrentTransactions.Code })
	return kerr.ErrorForCode(c)
}

func (s *session) add(topic string, parts ...int32) error {
	s.t.Helper()
	r := kmsg.NewPtrAddPartitionsToTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = s.id, s.pid, s.epoch
	rt := kmsg.NewAddPartitionsToTxnRequestTopic()
	rt.Topic, rt.Partitions = topic, parts
	r.Topics = append(r.Topics, rt)
	return s.retry("adding a partition", func() int16 {
		return ask[*kmsg.AddPartitionsToTxnResponse](s.t, s.cl, r, 3).Topics[0].Partitions[0].ErrorCode
	})
}

func (s *session) produce(topic string, value string) error {
	s.t.Helper()
	res := produceRaw(s.t, s.cl, topic, 0, &s.id, batch(batchSpec{values: []string{value}, pid: s.pid, epoch: s.epoch, seq: s.seq, txn: true}))
	if res.ErrorCode == 0 {
		s.seq++
	}
	return kerr.ErrorForCode(res.ErrorCode)
}

func (s *session) end(commit bool) error {
	s.t.Helper()
	r := kmsg.NewPtrEndTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Commit = s.id, s.pid, s.epoch, commit
	return s.retry("ending a transaction", func() int16 {
		return ask[*kmsg.EndTxnResponse](s.t, s.cl, r, 4).ErrorCode
	})
}

func (s *session) addOffsets(group string) error {
	s.t.Helper()
	r := kmsg.NewPtrAddOffsetsToTxnRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch, r.Group = s.id, s.pid, s.epoch, group
	return s.retry("adding a group", func() int16 {
		return ask[*kmsg.AddOffsetsToTxnResponse](s.t, s.cl, r, 3).ErrorCode
	})
}

func (s *session) commitOffset(group, member string, generation int32, topic string, offset int64) error {
	s.t.Helper()
	r := kmsg.NewPtrTxnOffsetCommitRequest()
	r.TransactionalID, r.ProducerID, r.ProducerEpoch = s.id, s.pid, s.epoch
	r.Group, r.MemberID, r.Generation = group, member, generation
	rt := kmsg.NewTxnOffsetCommitRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
	rp.Offset = offset
	rt.Partitions = append(rt.Partitions, rp)
	r.Topics = append(r.Topics, rt)
	return s.retry("committing an offset", func() int16 {
		return ask[*kmsg.TxnOffsetCommitResponse](s.t, s.cl, r, 4).Topics[0].Partitions[0].ErrorCode
	})
}

func wantErr(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestZombieIsFenced(t *testing.T) {
	addr := brokertest.Start(t)
	topic, id := brokertest.Topic(t, "zombie"), brokertest.Name(t, "zombie")
	createTopic(t, newKgo(t, addr), topic, 1)
	zombie := newSession(t, addr, id)
	must(t, zombie.add(topic, 0))
	must(t, zombie.produce(topic, "zombie's"))

	heir := newSession(t, addr, id)
	if heir.pid != zombie.pid || heir.epoch <= zombie.epoch {
		t.Fatalf("heir is %d/%d, zombie %d/%d", heir.pid, heir.epoch, zombie.pid, zombie.epoch)
	}
	wantErr(t, "produce", zombie.produce(topic, "late"), kerr.InvalidProducerEpoch)
	wantErr(t, "add partitions", zombie.add(topic, 0), kerr.ProducerFenced)
	wantErr(t, "add offsets", zombie.addOffsets("g"), kerr.ProducerFenced)
	wantErr(t, "commit", zombie.end(true), kerr.ProducerFenced)
	wantErr(t, "initialise", kerr.ErrorForCode(zombie.init(zombie.pid, zombie.epoch).ErrorCode), kerr.ProducerFenced)

	must(t, heir.add(topic, 0))
	must(t, heir.produce(topic, "heir's"))
	must(t, heir.end(true))
	must(t, heir.end(true)) // a repeat whose first answer was lost
	wantErr(t, "abort after commit", heir.end(false), kerr.InvalidTxnState)
	if got := values(t, addr, topic, 1); got[0] != "0/heir's" {
		t.Errorf("read %v", got)
	}
}

func TestEpochContinues(t *testing.T) {
	addr := brokertest.Start(t)
	s := newSession(t, addr, brokertest.Name(t, "continue"))
	res := s.init(s.pid, s.epoch)
	must(t, kerr.ErrorForCode(res.ErrorCode))
	if res.ProducerID != s.pid || res.ProducerEpoch != s.epoch+1 {
		t.Errorf("continued as %d/%d from %d/%d", res.ProducerID, res.ProducerEpoch, s.pid, s.epoch)
	}
}

func TestProduceOutsideTransaction(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "outside")
	s := newSession(t, addr, brokertest.Name(t, "outside"))
	createTopic(t, s.cl, topic, 2)
	wantErr(t, "before anything was added", s.produce(topic, "x"), kerr.TransactionAbortable)
	must(t, s.add(topic, 1))
	wantErr(t, "to another partition", s.produce(topic, "x"), kerr.TransactionAbortable)
	wantErr(t, "unknown topic", s.add(brokertest.Topic(t, "none"), 0), kerr.UnknownTopicOrPartition)
}

// TestLastStableOffset shows an open transaction holding back readers of
// committed records, and only those.
func TestLastStableOffset(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "lso")
	s := newSession(t, addr, brokertest.Name(t, "lso"))
	createTopic(t, s.cl, topic, 1)
	must(t, s.add(topic, 0))
	must(t, s.produce(topic, "open"))
	must(t, newKgo(t, addr).ProduceSync(testContext(t), &kgo.Record{Topic: topic, Value: []byte("plain")}).FirstErr())
	for iso, want := range map[int8]int64{0: 2, 1: 0} {
		if got := endOffset(t, s.cl, topic, 0, iso, -1); got.Offset != want {
			t.Errorf("isolation %d: end offset %d, want %d", iso, got.Offset, want)
		}
	}
	must(t, s.end(false))
	await(t, "the abort marker", func() bool { return endOffset(t, s.cl, topic, 0, 1, -1).Offset == 3 })
	if got := values(t, addr, topic, 1); got[0] != "0/plain" {
		t.Errorf("read %v", got)
	}
	control := values(t, addr, topic, 3, kgo.FetchIsolationLevel(kgo.ReadUncommitted()), kgo.KeepControlRecords())
	// The marker's value is its version and the coordinator's epoch.
	if want := []string{"0/open", "0/plain"}; !slices.Equal(control[:2], want) || !strings.HasPrefix(control[2], "0/\x00\x00\x00\x00") {
		t.Errorf("log holds %q", control)
	}
}

func TestOffsetsOfTransaction(t *testing.T) {
	addr := brokertest.Start(t)
	topic, group := brokertest.Topic(t, "txnoffsets"), brokertest.Name(t, "txnoffsets")
	s := newSession(t, addr, brokertest.Name(t, "txnoffsets"))
	createTopic(t, s.cl, topic, 1)
	m := joinConnect(t, addr, group)
	must(t, s.addOffsets(group))
	wantErr(t, "unknown member", s.commitOffset(group, "nobody", m.generation, topic, 5), kerr.UnknownMemberID)
	wantErr(t, "old generation", s.commitOffset(group, m.id, m.generation-1, topic, 5), kerr.IllegalGeneration)
	must(t, s.commitOffset(group, m.id, m.generation, topic, 7))
	if o := fetchOffset(t, s.cl, group, topic, false); o.Offset != -1 || o.ErrorCode != 0 {
		t.Errorf("pending offset shows: %+v", o)
	}
	if o := fetchOffset(t, s.cl, group, topic, true); kerr.ErrorForCode(o.ErrorCode) != kerr.UnstableOffsetCommit {
		t.Errorf("stable read of a pending offset: %+v", o)
	}
	must(t, s.end(true))
	await(t, "the offset", func() bool { return fetchOffset(t, s.cl, group, topic, true).Offset == 7 })

	must(t, s.addOffsets(group))
	must(t, s.commitOffset(group, m.id, m.generation, topic, 9))
	must(t, s.end(false))
	await(t, "a stable offset", func() bool { return fetchOffset(t, s.cl, group, topic, true).ErrorCode == 0 })
	if o := fetchOffset(t, s.cl, group, topic, true); o.Offset != 7 {
		t.Errorf("offset of an aborted transaction shows: %+v", o)
	}
	must(t, s.addOffsets(group))
	must(t, m.leave())
	wantErr(t, "left member", s.commitOffset(group, m.id, m.generation, topic, 11), kerr.UnknownMemberID)
}

func fetchOffset(t *testing.T, cl *kgo.Client, group, topic string, stable bool) kmsg.OffsetFetchResponseGroupTopicPartition {
	t.Helper()
	r := kmsg.NewPtrOffsetFetchRequest()
	r.RequireStable = stable
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group = group
	gt := kmsg.NewOffsetFetchRequestGroupTopic()
	gt.Topic, gt.Partitions = topic, []int32{0}
	g.Topics = append(g.Topics, gt)
	r.Groups = append(r.Groups, g)
	res, err := r.RequestWith(testContext(t), cl)
	must(t, err)
	must(t, kerr.ErrorForCode(res.Groups[0].ErrorCode))
	return res.Groups[0].Topics[0].Partitions[0]
}

func TestDescribeTransactions(t *testing.T) {
	addr := brokertest.Start(t)
	topic, id := brokertest.Topic(t, "describe"), brokertest.Name(t, "describe")
	s := newSession(t, addr, id)
	createTopic(t, s.cl, topic, 1)
	must(t, s.add(topic, 0))
	must(t, s.produce(topic, "x"))

	r := kmsg.NewPtrDescribeTransactionsRequest()
	r.TransactionalIDs = []string{id, brokertest.Name(t, "none")}
	res, err := r.RequestWith(testContext(t), s.cl)
	must(t, err)
	for _, st := range res.TransactionStates {
		if st.TransactionalID != id {
			wantErr(t, "unknown id", kerr.ErrorForCode(st.ErrorCode), kerr.TransactionalIDNotFound)
			continue
		}
		if st.State != "Ongoing" || st.ProducerID != s.pid || st.TimeoutMillis != 60_000 || len(st.Topics) != 1 || st.Topics[0].Topic != topic {
			t.Errorf("described as %+v", st)
		}
	}
	l := kmsg.NewPtrListTransactionsRequest()
	l.StateFilters = []string{"Ongoing"}
	listed, err := l.RequestWith(testContext(t), s.cl)
	must(t, err)
	if !slices.ContainsFunc(listed.TransactionStates, func(st kmsg.ListTransactionsResponseTransactionState) bool { return st.TransactionalID == id }) {
		t.Errorf("%s is not among %+v", id, listed.TransactionStates)
	}
	p := kmsg.NewPtrDescribeProducersRequest()
	pt := kmsg.NewDescribeProducersRequestTopic()
	pt.Topic, pt.Partitions = topic, []int32{0}
	p.Topics = append(p.Topics, pt)
	producers, err := p.RequestWith(testContext(t), s.cl)
	must(t, err)
	active := producers.Topics[0].Partitions[0].ActiveProducers
	if len(active) != 1 || active[0].ProducerID != s.pid || active[0].LastSequence != 0 || active[0].CurrentTxnStartOffset != 0 {
		t.Errorf("producers are %+v", active)
	}
}
