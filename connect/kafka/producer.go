// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// ProducerOptions say what kind of producer it is.
type ProducerOptions struct {
	// TransactionalID makes the producer transactional; "" makes it idempotent only.
	TransactionalID string
	// TransactionTimeout is after how long the coordinator aborts an open transaction.
	TransactionTimeout time.Duration
}

// Producer writes record sets, one batch a partition at a time, on the request layer
// of the client library. It is for one goroutine.
//
// The life of a transaction: Send any number of record sets, which are only noted;
// Flush brings them to the brokers; SendOffsets adds the offsets of a group; Commit
// or Abort ends it. It begins by itself with the first Flush or SendOffsets. After an
// error the transaction can only be aborted. A batch is sent again with the sequence
// number it had until its answer is known, so that nothing is there twice, and a
// partition has one batch on its way, so that nothing is out of order.
type Producer struct {
	c    *Cluster
	opts ProducerOptions

	pid        int64
	epoch      int16
	partitions map[TopicPartition]*partitionQueue
	waiting    []*partitionQueue // partitions with something to send
	inTxn      bool              // the coordinator may know of a transaction
	groups     map[string]bool   // groups that are part of the transaction
	broken     error             // why the transaction can only be aborted
	unsure     bool              // a request whose answer was lost may still be on its way
}

// partitionQueue is what is to be sent to one partition, and where it stands.
type partitionQueue struct {
	tp      TopicPartition
	sets    [][]Record // not yet sent
	sent    int        // records sent in this transaction
	next    int32      // sequence number of the next batch
	last    int64      // offset of the last record that was acknowledged; -1 for none
	added   bool       // the coordinator knows that the partition is part of the transaction
	refresh bool       // its leader must be looked up anew
	limit   int        // records in a batch at most, after one was too large; 0 for no limit
}

// NewProducer makes a producer. A transactional one first takes over its id: an open
// transaction of a predecessor is aborted, and the predecessor is fenced.
func (c *Cluster) NewProducer(ctx context.Context, o ProducerOptions) (*Producer, error) {
	p := &Producer{c: c, opts: o, pid: -1, epoch: -1, partitions: map[TopicPartition]*partitionQueue{}, groups: map[string]bool{}}
	if err := p.init(ctx); err != nil {
		return nil, err
	}
	return p, nil
}

// init asks for producer id and epoch. With an id and epoch of its own it keeps the
// id if nobody else has taken it since; ErrFenced otherwise.
func (p *Producer) init(ctx context.Context) error {
	req := &sarama.InitProducerIDRequest{Version: 4, TransactionTimeout: p.opts.TransactionTimeout, ProducerID: p.pid, ProducerEpoch: p.epoch}
	if p.opts.TransactionalID != "" {
		req.TransactionalID = &p.opts.TransactionalID
	}
	var resp *sarama.InitProducerIDResponse
	err := p.coordinate(ctx, func(b *sarama.Broker) (err error) {
		if resp, err = b.InitProducerID(req); err != nil {
			return err
		}
		return kerr(resp.Err)
	})
	if err != nil {
		return fmt.Errorf("take over transactional id %q: %w", p.opts.TransactionalID, err)
	}
	p.pid, p.epoch, p.inTxn, p.broken, p.unsure = resp.ProducerID, resp.ProducerEpoch, false, nil, false
	for _, q := range p.partitions {
		q.sets, q.sent, q.next, q.last, q.added, q.limit = nil, 0, 0, -1, false, 0
	}
	p.waiting = p.waiting[:0]
	clear(p.groups)
	return nil
}

// coordinate runs a request against the coordinator of the transactional id until
// it is answered with something that lasts, or ctx ends.
func (p *Producer) coordinate(ctx context.Context, request func(*sarama.Broker) error) error {
	moved := false
	for attempt := 0; ; attempt++ {
		b, err := p.coordinator(moved)
		if err == nil {
			err = request(b)
		}
		switch {
		case err == nil:
			return nil
		case isFenced(err):
			return fmt.Errorf("%w (%w)", ErrFenced, err)
		case !isRetriable(err):
			return err
		}
		moved = isMoved(err) || isConnection(err)
		if isConnection(err) && b != nil {
			p.unsure = true
			_ = b.Close()
		}
		n := attempt
		if isBusy(err) {
			n = min(n, busyAttempt) // somebody waits for the end of a transaction
		}
		if !pause(ctx, n) {
			return fmt.Errorf("%w (%w)", err, context.Cause(ctx))
		}
	}
}

// busyAttempt keeps the pauses for a busy coordinator at 16 ms.
const busyAttempt = 3

// begin makes sure that nothing which is still on its way can reach the transaction
// that is about to begin: a late EndTxn would commit a part of it.
func (p *Producer) begin(ctx context.Context) error {
	if p.inTxn || !p.unsure || p.opts.TransactionalID == "" {
		return nil
	}
	waiting := p.waiting
	sets := make([][][]Record, len(waiting))
	for i, q := range waiting {
		sets[i] = q.sets
	}
	p.waiting = nil // init forgets what waits; here it is to be sent under the new epoch
	if err := p.init(ctx); err != nil {
		return err
	}
	for i, q := range waiting {
		q.sets = sets[i]
	}
	p.waiting = waiting
	return nil
}

func (p *Producer) coordinator(refresh bool) (*sarama.Broker, error) {
	if p.opts.TransactionalID == "" {
		b := p.c.client.LeastLoadedBroker()
		if b == nil {
			return nil, sarama.ErrOutOfBrokers
		}
		if err := b.Open(p.c.conf); err != nil && !errors.Is(err, sarama.ErrAlreadyConnected) {
			return nil, err
		}
		return b, nil
	}
	if refresh {
		if err := p.c.client.RefreshTransactionCoordinator(p.opts.TransactionalID); err != nil {
			return nil, err
		}
	}
	return p.c.client.TransactionCoordinator(p.opts.TransactionalID)
}

// Send notes records for a partition. The records are read by Flush: they must not
// change before it has returned.
func (p *Producer) Send(tp TopicPartition, rs []Record) {
	if len(rs) == 0 {
		return
	}
	q := p.partitions[tp]
	if q == nil {
		q = &partitionQueue{tp: tp, last: -1}
		p.partitions[tp] = q
	}
	if len(q.sets) == 0 {
		p.waiting = append(p.waiting, q)
	}
	q.sets = append(q.sets, rs)
}

// LastOffset returns the offset of the last record that the partition has
// acknowledged, and -1 if there was none since the producer began.
func (p *Producer) LastOffset(tp TopicPartition) int64 {
	if q := p.partitions[tp]; q != nil {
		return q.last
	}
	return -1
}

// Flush sends what was noted and returns when all of it is acknowledged. A
// *RecordError names the record that was refused; ErrFenced and ErrUnknownTopic are
// told apart with errors.Is.
func (p *Producer) Flush(ctx context.Context) error {
	if p.broken != nil {
		return p.broken
	}
	if len(p.waiting) == 0 {
		return nil
	}
	if err := p.begin(ctx); err != nil {
		return p.fail(err)
	}
	if err := p.addPartitions(ctx); err != nil {
		return p.fail(err)
	}
	for attempt, unknown := 0, 0; len(p.waiting) > 0; {
		progress, err := p.round()
		if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
			if unknown++; unknown > unknownAttempts {
				return p.fail(fmt.Errorf("%w (%w)", ErrUnknownTopic, err))
			}
		}
		if err != nil && !isRetriable(err) {
			return p.fail(err)
		}
		if progress {
			attempt, unknown = 0, 0
			continue
		}
		if !pause(ctx, attempt) {
			return p.fail(fmt.Errorf("%w (%w)", err, context.Cause(ctx)))
		}
		attempt++
	}
	return nil
}

// fail remembers why the transaction cannot go on.
func (p *Producer) fail(err error) error {
	p.broken = err
	for _, q := range p.waiting {
		q.sets = nil
	}
	p.waiting = p.waiting[:0]
	return err
}

// addPartitions tells the coordinator of partitions that are new in the transaction.
func (p *Producer) addPartitions(ctx context.Context) error {
	if p.opts.TransactionalID == "" {
		return nil
	}
	fresh := make(map[string][]int32)
	for _, q := range p.waiting {
		if !q.added {
			fresh[q.tp.Topic] = append(fresh[q.tp.Topic], q.tp.Partition)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	p.inTxn = true
	req := &sarama.AddPartitionsToTxnRequest{Version: 2, TransactionalID: p.opts.TransactionalID, ProducerID: p.pid, ProducerEpoch: p.epoch, TopicPartitions: fresh}
	err := p.coordinate(ctx, func(b *sarama.Broker) error {
		resp, err := b.AddPartitionsToTxn(req)
		if err != nil {
			return err
		}
		return worstOf(resp.Errors)
	})
	if err != nil {
		return fmt.Errorf("add partitions to the transaction: %w", err)
	}
	for _, q := range p.waiting {
		q.added = true
	}
	return nil
}

// worstOf returns the error that decides: one that lasts before one that may pass.
func worstOf(byTopic map[string][]*sarama.PartitionError) error {
	var worst error
	for topic, list := range byTopic {
		for _, pe := range list {
			if pe.Err == sarama.ErrNoError || pe.Err == sarama.ErrOperationNotAttempted {
				continue
			}
			err := fmt.Errorf("%s-%d: %w", topic, pe.Partition, pe.Err)
			if worst == nil || isRetriable(worst) {
				worst = err
			}
		}
	}
	return worst
}

// SendOffsets makes offsets of a consumer group part of the transaction. member is
// empty for a group without members.
func (p *Producer) SendOffsets(ctx context.Context, g GroupMetadata, offsets []TopicOffset) error {
	if p.broken != nil {
		return p.broken
	}
	if err := p.begin(ctx); err != nil {
		return p.fail(err)
	}
	p.inTxn = true
	if !p.groups[g.Group] {
		req := &sarama.AddOffsetsToTxnRequest{Version: 2, TransactionalID: p.opts.TransactionalID, ProducerID: p.pid, ProducerEpoch: p.epoch, GroupID: g.Group}
		err := p.coordinate(ctx, func(b *sarama.Broker) error {
			resp, err := b.AddOffsetsToTxn(req)
			if err != nil {
				return err
			}
			return kerr(resp.Err)
		})
		if err != nil {
			return p.fail(fmt.Errorf("add group %s to the transaction: %w", g.Group, err))
		}
		p.groups[g.Group] = true
	}
	if err := p.txnOffsetCommit(ctx, g, offsets); err != nil {
		return p.fail(fmt.Errorf("add offsets of group %s to the transaction: %w", g.Group, err))
	}
	return nil
}

func (p *Producer) txnOffsetCommit(ctx context.Context, g GroupMetadata, offsets []TopicOffset) error {
	req := &sarama.TxnOffsetCommitRequest{
		Version: 3, TransactionalID: p.opts.TransactionalID, GroupID: g.Group, ProducerID: p.pid, ProducerEpoch: p.epoch,
		GenerationID: g.Generation, MemberID: g.Member, GroupInstanceID: g.Instance, Topics: map[string][]*sarama.PartitionOffsetMetadata{},
	}
	for _, o := range offsets {
		metadata := o.Metadata
		req.Topics[o.Topic] = append(req.Topics[o.Topic], &sarama.PartitionOffsetMetadata{
			Partition: o.Partition, Offset: o.Offset, LeaderEpoch: -1, Metadata: &metadata,
		})
	}
	return p.c.onGroupCoordinator(ctx, g.Group, func(b *sarama.Broker) error {
		resp, err := b.TxnOffsetCommit(req)
		if err != nil {
			return err
		}
		return worstOf(resp.Topics)
	})
}

// Commit flushes what is waiting and ends the transaction. When it returns nil the
// transaction is known to be committed. After any error the committed offsets tell
// whether it was: ErrFenced, too, may follow on a commit whose answer was lost.
func (p *Producer) Commit(ctx context.Context) error {
	if p.broken != nil {
		return p.broken
	}
	if err := p.Flush(ctx); err != nil {
		return err
	}
	if !p.inTxn {
		return nil
	}
	req := &sarama.EndTxnRequest{Version: 2, TransactionalID: p.opts.TransactionalID, ProducerID: p.pid, ProducerEpoch: p.epoch, TransactionResult: true}
	err := p.coordinate(ctx, func(b *sarama.Broker) error {
		resp, err := b.EndTxn(req)
		if err != nil {
			return err
		}
		return kerr(resp.Err)
	})
	if err != nil {
		return p.fail(fmt.Errorf("commit the transaction: %w", err))
	}
	p.ended()
	return nil
}

func (p *Producer) ended() {
	p.inTxn = false
	for _, q := range p.partitions {
		q.added, q.sent, q.limit = false, 0, 0
	}
	clear(p.groups)
}

// Abort throws the open transaction away by taking a new epoch, which also makes
// sequence numbers certain again. ErrFenced means that a successor has the id.
func (p *Producer) Abort(ctx context.Context) error { return p.init(ctx) }

// Reinit begins anew after ErrFenced: nil means that the coordinator had only timed
// the transaction out; ErrFenced that a successor has the id, for good.
func (p *Producer) Reinit(ctx context.Context) error { return p.init(ctx) }
