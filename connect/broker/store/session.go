// SPDX-License-Identifier: Apache-2.0

package store

import (
	"cmp"
	"math"
	"slices"
)

// remembered is the number of batches per producer and partition whose repeat is
// recognised: Kafka's clients have at most five under way.
const remembered = 5

// session is what a partition knows of a producer.
type session struct {
	epoch   int16
	n       uint8 // batches in recent, newest last
	recent  [remembered]sentBatch
	touched int64 // clock at the last batch, in ms
}

type sentBatch struct {
	first, last int32 // sequence numbers
	base        int64
}

func (x *session) newest() *sentBatch {
	if x.n == 0 {
		return nil
	}
	return &x.recent[x.n-1]
}

// raise begins an epoch, whose sequence numbers start at 0.
func (x *session) raise(epoch int16) {
	if epoch > x.epoch {
		x.epoch, x.n = epoch, 0
	}
}

// admit applies the rules of idempotent and transactional producers. A batch
// that was appended before is reported as repeated with its offset. The caller
// holds the store's lock.
func (l *Log) admit(b batch) (base int64, repeated bool, err error) {
	if b.producer.ID < 0 {
		return 0, false, nil
	}
	if err := l.s.admitTxn(l, b); err != nil {
		return 0, false, err
	}
	x := l.sessions[b.producer.ID]
	if x == nil {
		return 0, false, l.s.roomForSession()
	}
	if b.producer.Epoch < x.epoch {
		return 0, false, errorf(CodeInvalidProducerEpoch, "producer %d has epoch %d at %s-%d, not %d", b.producer.ID, x.epoch, l.topic.name, l.part, b.producer.Epoch)
	}
	want := int32(0)
	if b.producer.Epoch == x.epoch && x.n > 0 {
		for _, r := range x.recent[:x.n] {
			if r.first == b.sequence && r.last == b.lastSequence() {
				return r.base, true, nil
			}
		}
		want = int32((int64(x.newest().last) + 1) & math.MaxInt32)
	}
	if b.sequence != want {
		return 0, false, errorf(CodeOutOfOrderSequence, "producer %d epoch %d sent sequence %d to %s-%d, expected %d", b.producer.ID, b.producer.Epoch, b.sequence, l.topic.name, l.part, want)
	}
	return 0, false, nil
}

// track remembers an appended batch. The caller holds the store's lock.
func (l *Log) track(b batch, now int64) {
	if b.producer.ID < 0 {
		return
	}
	x := l.sessions[b.producer.ID]
	if x == nil {
		x = &session{epoch: b.producer.Epoch}
		l.sessions[b.producer.ID] = x
		l.s.sessions++
	}
	x.raise(b.producer.Epoch)
	if x.n == remembered {
		copy(x.recent[:], x.recent[1:])
		x.n--
	}
	x.recent[x.n] = sentBatch{b.sequence, b.lastSequence(), b.base}
	x.n++
	x.touched = now
	if _, open := l.open[b.producer.ID]; b.transactional() && !open {
		l.open[b.producer.ID] = b.base
	}
}

// roomForSession makes room for one more session, forgetting the tenth that was
// idle longest when there is none.
func (s *Store) roomForSession() error {
	if s.sessions < s.o.MaxProducers {
		return nil
	}
	var idle []int64
	s.eachSession(func(_ *Log, _ int64, x *session) { idle = append(idle, x.touched) })
	if len(idle) == 0 {
		return errorf(CodePolicyViolation, "%d producers with open transactions are the broker's limit", s.sessions)
	}
	slices.Sort(idle)
	s.forgetSessions(idle[len(idle)/10])
	return nil
}

// eachSession calls fn for each session without an open transaction.
func (s *Store) eachSession(fn func(l *Log, id int64, x *session)) {
	for _, l := range s.logs {
		for id, x := range l.sessions {
			if _, open := l.open[id]; !open {
				fn(l, id, x)
			}
		}
	}
}

// forgetSessions forgets the sessions that were last touched at the given clock
// or before. The caller holds mu.
func (s *Store) forgetSessions(until int64) {
	s.eachSession(func(l *Log, id int64, x *session) {
		if x.touched <= until {
			delete(l.sessions, id)
			s.sessions--
		}
	})
}

// Producers lists the producers that wrote to the partition, by id.
func (l *Log) Producers() []ProducerInfo {
	l.s.mu.Lock()
	defer l.s.mu.Unlock()
	list := make([]ProducerInfo, 0, len(l.sessions))
	for id, x := range l.sessions {
		info := ProducerInfo{Producer: Producer{id, x.epoch}, LastSequence: -1, LastTimestamp: x.touched, TxnStartOffset: -1}
		if r := x.newest(); r != nil {
			info.LastSequence = r.last
		}
		if first, open := l.open[id]; open {
			info.TxnStartOffset = first
		}
		list = append(list, info)
	}
	slices.SortFunc(list, func(a, b ProducerInfo) int { return cmp.Compare(a.Producer.ID, b.Producer.ID) })
	return list
}
