// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"time"
)

// producerIDBlock is the number of producer ids that one entry reserves.
const producerIDBlock = 1000

// producerRecord is the body of a producer entry: all that is kept of a
// transactional id between transactions.
type producerRecord struct {
	Name     string
	Producer Producer
	// LastID and LastEpoch are the session that may continue as the current one
	// (KIP-360), -1 when there is none.
	LastID    int64
	LastEpoch int16
	Timeout   int64 // ms
	Updated   int64 // ms
	// Fenced says that no client has been told the current epoch yet, so that
	// fencing once more needs no further one.
	Fenced bool
	// Forgotten removes the transactional id.
	Forgotten bool
}

func (r producerRecord) encode(e *encoder) {
	e.str(r.Name)
	e.i64(r.Producer.ID)
	e.i16(r.Producer.Epoch)
	e.i64(r.LastID)
	e.i16(r.LastEpoch)
	e.i64(r.Timeout)
	e.i64(r.Updated)
	e.bool(r.Fenced)
	e.bool(r.Forgotten)
}

func decodeProducer(d *decoder) producerRecord {
	return producerRecord{
		Name: d.str(), Producer: Producer{d.i64(), d.i16()}, LastID: d.i64(), LastEpoch: d.i16(),
		Timeout: d.i64(), Updated: d.i64(), Fenced: d.bool(), Forgotten: d.bool(),
	}
}

// fence raises the epoch past what any client knows, and remembers the old one
// as the session that may continue.
func (r *producerRecord) fence() {
	if r.Fenced {
		return
	}
	r.LastID, r.LastEpoch = r.Producer.ID, r.Producer.Epoch
	r.Producer.Epoch++
	r.Fenced = true
}

// putProducer appends and applies a producer entry. The caller holds mu.
func (s *Store) putProducer(r producerRecord) error {
	var e encoder
	r.encode(&e)
	if _, err := s.put(entryProducer, e.b); err != nil {
		return err
	}
	s.applyProducer(r)
	return nil
}

// applyProducer enters a transactional id into the state; its transaction, if
// there was one, has been ended before. The caller holds mu.
func (s *Store) applyProducer(r producerRecord) *txn {
	t := s.txns[r.Name]
	if t != nil {
		delete(s.txnPIDs, t.Producer.ID)
	}
	s.nextPID = max(s.nextPID, r.Producer.ID+1)
	if r.Forgotten {
		delete(s.txns, r.Name)
		return nil
	}
	if t == nil {
		t = &txn{}
		s.txns[r.Name] = t
	}
	t.producerRecord, t.state = r, TxnEmpty
	s.txnPIDs[r.Producer.ID] = t
	return t
}

// takeProducerID returns an id that was never used. The caller holds mu.
func (s *Store) takeProducerID() (int64, error) {
	if s.nextPID >= s.pidLimit {
		var e encoder
		e.i64(s.nextPID + producerIDBlock)
		if _, err := s.put(entryProducerIDs, e.b); err != nil {
			return 0, err
		}
		s.pidLimit = s.nextPID + producerIDBlock
	}
	id := s.nextPID
	s.nextPID++
	return id, nil
}

// InitProducer starts a producer session. Without a transactional id it returns
// a new producer id. With one it ends what the previous session left open by
// abort and raises the epoch; p names the session to continue (KIP-360), or is
// {-1, -1}. Errors: ProducerFenced, InvalidTxnTimeout, ConcurrentTransactions,
// PolicyViolation (too many transactional ids).
func (s *Store) InitProducer(ctx context.Context, txnID string, timeout time.Duration, p Producer) (Producer, error) {
	if err := ctx.Err(); err != nil {
		return Producer{-1, -1}, err
	}
	made := Producer{-1, -1}
	if txnID == "" {
		err := s.commit(func() error {
			id, err := s.takeProducerID()
			made = Producer{id, 0}
			return err
		})
		return made, err
	}
	if timeout <= 0 || timeout > s.o.MaxTxnTimeout {
		return made, errorf(CodeInvalidTxnTimeout, "transaction time-out %v is not between 0 and %v", timeout, s.o.MaxTxnTimeout)
	}
	if err := s.abortFormer(txnID, p); err != nil {
		return made, err
	}
	err := s.commit(func() error {
		r, err := s.nextSession(txnID, timeout, p)
		if err != nil {
			return err
		}
		made = r.Producer
		return s.putProducer(r)
	})
	if err != nil {
		return Producer{-1, -1}, err
	}
	return made, nil
}

// mayContinue reports whether p may take the transactional id over: it names no
// session, the current one, or the one before that nobody has replaced.
func (t *txn) mayContinue(p Producer) bool {
	return p.ID < 0 || p == t.Producer || t.LastEpoch >= 0 && p == Producer{t.LastID, t.LastEpoch}
}

// claim finds the transactional id for p to take over; nil if it is new. The
// caller holds mu.
func (s *Store) claim(txnID string, p Producer) (*txn, error) {
	t := s.txns[txnID]
	if t == nil {
		return nil, nil
	}
	if t.ending() {
		return nil, errorf(CodeConcurrentTransactions, "the transaction of %s is being ended", txnID)
	}
	if !t.mayContinue(p) {
		return nil, errorf(CodeProducerFenced, "transactional id %s is at producer %d epoch %d: producer %d epoch %d is fenced",
			txnID, t.Producer.ID, t.Producer.Epoch, p.ID, p.Epoch)
	}
	return t, nil
}

// abortFormer ends the transaction that the former session left open.
func (s *Store) abortFormer(txnID string, p Producer) error {
	var op *endOp
	err := s.update(func() error {
		t, err := s.claim(txnID, p)
		if err != nil || t == nil || t.state != TxnOngoing {
			return err
		}
		if p.ID >= 0 && p != t.Producer {
			// Its successor is at work: an old session must not disturb it.
			return errorf(CodeProducerFenced, "transactional id %s is in use by producer %d epoch %d", txnID, t.Producer.ID, t.Producer.Epoch)
		}
		op, err = s.appendEnd(t, false, true)
		return err
	})
	if err != nil || op == nil {
		return err
	}
	return s.awaitEnd(op)
}

// nextSession makes the record of the session that p receives. The caller holds
// mu.
func (s *Store) nextSession(txnID string, timeout time.Duration, p Producer) (producerRecord, error) {
	t, err := s.claim(txnID, p)
	if err != nil {
		return producerRecord{}, err
	}
	r := producerRecord{Name: txnID, LastID: -1, LastEpoch: -1, Timeout: timeout.Milliseconds(), Updated: s.nowMs()}
	if t == nil {
		if len(s.txns) >= s.o.MaxProducers {
			return r, errorf(CodePolicyViolation, "%d transactional ids are the broker's limit", len(s.txns))
		}
		r.Producer.ID, err = s.takeProducerID()
		return r, err
	}
	if t.state == TxnOngoing {
		return r, errorf(CodeConcurrentTransactions, "a transaction of %s has just begun", txnID)
	}
	r.Producer = t.Producer
	repeated := p.ID >= 0 && p != t.Producer
	if repeated {
		r.LastID, r.LastEpoch = p.ID, p.Epoch
	}
	if repeated && !epochExhausted(r.Producer.Epoch) {
		return r, nil
	}
	if p.ID >= 0 && !repeated {
		r.LastID, r.LastEpoch = p.ID, p.Epoch
	}
	if epochExhausted(r.Producer.Epoch) {
		r.Producer.Epoch = 0
		r.Producer.ID, err = s.takeProducerID()
		return r, err
	}
	r.Producer.Epoch++
	return r, nil
}
