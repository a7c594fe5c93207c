// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"
)

// txn is the state of a transactional id.
type txn struct {
	producerRecord
	state   TxnState
	started int64 // ms; while open
	// parts are the partitions of the open transaction with the offset of their
	// first batch, -1 before it.
	parts map[*Log]int64
	// groups are the offsets that become valid with the commit.
	groups map[string][]GroupOffset
}

func (t *txn) open() bool { return t.state == TxnOngoing || t.ending() }

func (t *txn) ending() bool { return t.state == TxnPrepareCommit || t.state == TxnPrepareAbort }

func (t *txn) wrote(l *Log, base int64) {
	if t.parts[l] < 0 {
		t.parts[l] = base
	}
}

// begin opens a transaction unless one is open.
func (t *txn) begin(now int64) {
	t.Updated = now
	if t.state == TxnOngoing {
		return
	}
	t.state, t.started = TxnOngoing, now
	t.parts, t.groups = map[*Log]int64{}, map[string][]GroupOffset{}
}

// admitTxn verifies that a producer with a transactional id writes within its
// open transaction. The caller holds mu.
func (s *Store) admitTxn(l *Log, b batch) error {
	t := s.txnPIDs[b.producer.ID]
	if t == nil {
		if b.transactional() {
			return errorf(CodeInvalidProducerID, "producer id %d belongs to no transactional id", b.producer.ID)
		}
		return nil
	}
	if b.producer.Epoch != t.Producer.Epoch {
		return errorf(CodeInvalidProducerEpoch, "producer %d of transactional id %s has epoch %d, not %d", b.producer.ID, t.Name, t.Producer.Epoch, b.producer.Epoch)
	}
	if !b.transactional() {
		return errorf(CodeInvalidTxnState, "producer %d of transactional id %s sent a batch that is not transactional", b.producer.ID, t.Name)
	}
	if _, added := t.parts[l]; t.state != TxnOngoing || !added {
		return errorf(CodeInvalidTxnState, "partition %s-%d is not part of an open transaction of %s", l.topic.name, l.part, t.Name)
	}
	return nil
}

// session finds the transactional id of a producer that is its current session.
// The caller holds mu.
func (s *Store) session(txnID string, p Producer) (*txn, error) {
	t := s.txns[txnID]
	if t == nil || t.Producer.ID != p.ID {
		return nil, errorf(CodeInvalidProducerID, "producer id %d is not that of transactional id %s", p.ID, txnID)
	}
	if t.Producer.Epoch != p.Epoch {
		return nil, errorf(CodeProducerFenced, "transactional id %s is at epoch %d: the producer with epoch %d is fenced", txnID, t.Producer.Epoch, p.Epoch)
	}
	if t.ending() {
		return nil, errorf(CodeConcurrentTransactions, "the transaction of %s is being ended", txnID)
	}
	return t, nil
}

// AddPartitions adds partitions to the producer's transaction and begins it if
// needed: all of them, or none and an error. Errors: InvalidProducerID,
// ProducerFenced, ConcurrentTransactions, UnknownTopicOrPart.
func (s *Store) AddPartitions(txnID string, p Producer, parts []TopicPartition) error {
	return s.update(func() error {
		t, err := s.session(txnID, p)
		if err != nil {
			return err
		}
		logs, err := s.findLogs(parts)
		if err != nil {
			return err
		}
		t.begin(s.nowMs())
		for _, l := range logs {
			if _, added := t.parts[l]; !added {
				t.parts[l] = -1
			}
		}
		return nil
	})
}

func (s *Store) findLogs(parts []TopicPartition) ([]*Log, error) {
	logs := make([]*Log, 0, len(parts))
	for _, tp := range parts {
		t := s.topics[tp.Topic]
		if t == nil || tp.Partition < 0 || int(tp.Partition) >= len(t.logs) {
			return nil, errorf(CodeUnknownTopicOrPart, "partition %s-%d does not exist", tp.Topic, tp.Partition)
		}
		logs = append(logs, t.logs[tp.Partition])
	}
	return logs, nil
}

// CheckPartitions reports whether the partitions belong to the producer's open
// transaction (the verify-only form of AddPartitionsToTxn): InvalidTxnState if
// one does not; otherwise the errors of AddPartitions.
func (s *Store) CheckPartitions(txnID string, p Producer, parts []TopicPartition) error {
	return s.update(func() error {
		t, err := s.session(txnID, p)
		if err != nil {
			return err
		}
		logs, err := s.findLogs(parts)
		if err != nil {
			return err
		}
		for _, l := range logs {
			if _, added := t.parts[l]; t.state != TxnOngoing || !added {
				return errorf(CodeInvalidTxnState, "partition %s-%d is not part of an open transaction of %s", l.topic.name, l.part, txnID)
			}
		}
		return nil
	})
}

// AddOffsets announces that the transaction will commit offsets of group, and
// begins it if needed. Errors as of AddPartitions.
func (s *Store) AddOffsets(txnID string, p Producer, group string) error {
	return s.update(func() error {
		t, err := s.session(txnID, p)
		if err != nil {
			return err
		}
		t.begin(s.nowMs())
		if _, added := t.groups[group]; !added {
			t.groups[group] = nil
		}
		return nil
	})
}

// TxnCommitOffsets keeps offsets that become the group's with the commit of the
// transaction. check, unless nil, is called first, without any lock of the
// store, and its error is returned: the server verifies member and generation
// there. The caller may hold its group's lock during the call. Errors:
// InvalidProducerID, InvalidProducerEpoch, ConcurrentTransactions,
// InvalidTxnState (no AddOffsets for the group), OffsetMetadataTooLarge,
// PolicyViolation.
func (s *Store) TxnCommitOffsets(txnID string, p Producer, group string, offsets []GroupOffset, check func() error) error {
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	return s.update(func() error {
		t, err := s.session(txnID, p)
		if CodeOf(err) == CodeProducerFenced {
			return errorf(CodeInvalidProducerEpoch, "%w", err)
		}
		if err != nil {
			return err
		}
		pending, added := t.groups[group]
		if t.state != TxnOngoing || !added {
			return errorf(CodeInvalidTxnState, "the transaction of %s has not announced offsets of group %s", txnID, group)
		}
		if err := s.checkOffsets(group, offsets, pending); err != nil {
			return err
		}
		t.groups[group] = mergeOffsets(pending, offsets, s.o.Now())
		return nil
	})
}

// mergeOffsets returns pending with offsets added or replaced.
func mergeOffsets(pending, offsets []GroupOffset, now time.Time) []GroupOffset {
	at := make(map[TopicPartition]int, len(pending))
	for i, o := range pending {
		at[o.key()] = i
	}
	for _, o := range offsets {
		o.Committed = now
		if i, ok := at[o.key()]; ok {
			pending[i] = o
			continue
		}
		at[o.key()] = len(pending)
		pending = append(pending, o)
	}
	return pending
}

// EndTxn commits or aborts the open transaction and returns when the decision
// is durable and visible. Repeating a finished EndTxn with the same decision and
// epoch is no error. Errors: InvalidProducerID, ProducerFenced,
// InvalidTxnState, ConcurrentTransactions.
//
// After a Storage error the outcome is unknown: the next Open decides it.
func (s *Store) EndTxn(ctx context.Context, txnID string, p Producer, commit bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var op *endOp
	err := s.update(func() error {
		t, err := s.session(txnID, p)
		if err != nil {
			return err
		}
		if repeated := t.state == TxnCompleteCommit && commit || t.state == TxnCompleteAbort && !commit; repeated {
			return nil
		}
		if t.state != TxnOngoing {
			return errorf(CodeInvalidTxnState, "transactional id %s has no open transaction (%s)", txnID, t.state)
		}
		op, err = s.appendEnd(t, commit, false)
		return err
	})
	if err != nil || op == nil {
		return err
	}
	return s.awaitEnd(op)
}

// awaitEnd returns when the end of a transaction is durable and visible.
func (s *Store) awaitEnd(op *endOp) error {
	s.o.Crash(crashEndBeforeSync)
	if err := s.syncTo(op.end); err != nil {
		return err
	}
	s.o.Crash(crashEndAfterSync)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finishDurable()
	return nil
}

// Tick aborts the transactions that have timed out and forgets what has
// expired. The background work calls it each Options.TickEvery.
func (s *Store) Tick(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var last *endOp
	err := s.update(func() error {
		now := s.nowMs()
		if now >= s.nextIdle {
			s.nextIdle = now + time.Minute.Milliseconds()
			if err := s.expire(now - s.o.ProducerExpiry.Milliseconds()); err != nil {
				return err
			}
		}
		for _, t := range s.sortedTxns() {
			if t.state != TxnOngoing || now-t.started < t.Timeout {
				continue
			}
			op, err := s.appendEnd(t, false, true)
			if err != nil {
				return err
			}
			s.o.Log.Warn("transaction aborted: it was open longer than its time-out", "transactional_id", t.Name, "timeout_ms", t.Timeout)
			last = op
		}
		return nil
	})
	if err != nil || last == nil {
		return err
	}
	return s.awaitEnd(last)
}

// expire forgets sessions and transactional ids that were last used before the
// given clock. The caller holds mu.
func (s *Store) expire(before int64) error {
	s.forgetSessions(before)
	for _, t := range s.sortedTxns() {
		if t.open() || t.Updated > before {
			continue
		}
		gone := t.producerRecord
		gone.Forgotten = true
		if err := s.putProducer(gone); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) sortedTxns() []*txn {
	list := make([]*txn, 0, len(s.txns))
	for _, t := range s.txns {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *txn) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func (t *txn) describe() TxnInfo {
	info := TxnInfo{TransactionalID: t.Name, Producer: t.Producer, State: t.state, Timeout: time.Duration(t.Timeout) * time.Millisecond}
	if !t.open() {
		return info
	}
	info.Started = time.UnixMilli(t.started)
	for l := range t.parts {
		info.Partitions = append(info.Partitions, TopicPartition{l.topic.name, l.part})
	}
	slices.SortFunc(info.Partitions, comparePartitions)
	return info
}

// ListTxns lists the transactional ids, sorted.
func (s *Store) ListTxns() []TxnInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]TxnInfo, 0, len(s.txns))
	for _, t := range s.sortedTxns() {
		list = append(list, t.describe())
	}
	return list
}

// DescribeTxn describes one; TransactionalIDUnknown if it is not known.
func (s *Store) DescribeTxn(txnID string) (TxnInfo, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.txns[txnID]; t != nil {
		return t.describe(), nil
	}
	return TxnInfo{}, errorf(CodeTransactionalIDUnknown, "transactional id %s is not known", txnID)
}

// epochExhausted reports whether no further epoch can be handed out; the last
// one is kept for fencing.
func epochExhausted(epoch int16) bool { return epoch >= math.MaxInt16-1 }
