// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

// The first versions that know PRODUCER_FENCED; older ones are told
// INVALID_PRODUCER_EPOCH.
const (
	fencedInitProducerID = 4
	fencedTxn            = 2
)

func (c *conn) initProducerID(ctx context.Context, r *kmsg.InitProducerIDRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.InitProducerIDResponse)
	res.ProducerID, res.ProducerEpoch = -1, -1
	given := store.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
	id := ""
	if r.TransactionalID != nil {
		if id = *r.TransactionalID; id == "" {
			res.ErrorCode = kerr.InvalidRequest.Code
			return res, nil
		}
	}
	if (given.ID < 0) != (given.Epoch < 0) {
		res.ErrorCode = kerr.InvalidRequest.Code
		return res, nil
	}
	made, err := c.b.store.InitProducer(ctx, id, time.Duration(r.TransactionTimeoutMillis)*time.Millisecond, given)
	if res.ErrorCode = fencedCode(err, r.Version, fencedInitProducerID); err == nil {
		res.ProducerID, res.ProducerEpoch = made.ID, made.Epoch
	}
	return res, nil
}

// addPartitionsToTxn adds all partitions or none: if one cannot be added, the
// others are told OPERATION_NOT_ATTEMPTED.
func (c *conn) addPartitionsToTxn(_ context.Context, r *kmsg.AddPartitionsToTxnRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.AddPartitionsToTxnResponse)
	var parts []store.TopicPartition
	unknown := false
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			parts = append(parts, store.TopicPartition{Topic: t.Topic, Partition: p})
			_, ok := c.b.store.Log(t.Topic, p)
			unknown = unknown || !ok
		}
	}
	var err error
	if !unknown {
		err = c.b.store.AddPartitions(r.TransactionalID, store.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}, parts)
	}
	for _, t := range r.Topics {
		rt := kmsg.NewAddPartitionsToTxnResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewAddPartitionsToTxnResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p, fencedCode(err, r.Version, fencedTxn)
			if unknown {
				rp.ErrorCode = c.b.unknownOr(t.Topic, p, kerr.OperationNotAttempted)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

// unknownOr is the code of a partition in a request that failed because some of
// its partitions do not exist.
func (b *Broker) unknownOr(topic string, partition int32, other *kerr.Error) int16 {
	if _, ok := b.store.Log(topic, partition); !ok {
		return kerr.UnknownTopicOrPartition.Code
	}
	return other.Code
}

func (c *conn) addOffsetsToTxn(_ context.Context, r *kmsg.AddOffsetsToTxnRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.AddOffsetsToTxnResponse)
	err := error(kerr.InvalidGroupID)
	if r.Group != "" {
		err = c.b.store.AddOffsets(r.TransactionalID, store.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}, r.Group)
	}
	res.ErrorCode = fencedCode(err, r.Version, fencedTxn)
	return res, nil
}

func (c *conn) endTxn(ctx context.Context, r *kmsg.EndTxnRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.EndTxnResponse)
	err := c.b.store.EndTxn(ctx, r.TransactionalID, store.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}, r.Commit)
	res.ErrorCode = fencedCode(err, r.Version, fencedTxn)
	return res, nil
}

// writeTxnMarkers refuses: markers come from the end of a transaction alone.
func (c *conn) writeTxnMarkers(_ context.Context, r *kmsg.WriteTxnMarkersRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.WriteTxnMarkersResponse)
	for _, m := range r.Markers {
		rm := kmsg.NewWriteTxnMarkersResponseMarker()
		rm.ProducerID = m.ProducerID
		for _, t := range m.Topics {
			rt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rt.Partitions = append(rt.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{
					Partition: p, ErrorCode: kerr.ClusterAuthorizationFailed.Code,
				})
			}
			rm.Topics = append(rm.Topics, rt)
		}
		res.Markers = append(res.Markers, rm)
	}
	return res, nil
}

func (c *conn) describeProducers(_ context.Context, r *kmsg.DescribeProducersRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeProducersResponse)
	for _, t := range r.Topics {
		rt := kmsg.NewDescribeProducersResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewDescribeProducersResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p, kerr.UnknownTopicOrPartition.Code
			if l, ok := c.b.store.Log(t.Topic, p); ok {
				rp.ErrorCode, rp.ActiveProducers = 0, activeProducers(l)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res, nil
}

func activeProducers(l *store.Log) []kmsg.DescribeProducersResponseTopicPartitionActiveProducer {
	var list []kmsg.DescribeProducersResponseTopicPartitionActiveProducer
	for _, p := range l.Producers() {
		a := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		a.ProducerID, a.ProducerEpoch = p.Producer.ID, int32(p.Producer.Epoch)
		a.LastSequence, a.LastTimestamp = p.LastSequence, p.LastTimestamp
		a.CoordinatorEpoch, a.CurrentTxnStartOffset = 0, p.TxnStartOffset
		list = append(list, a)
	}
	return list
}

func (c *conn) describeTransactions(_ context.Context, r *kmsg.DescribeTransactionsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.DescribeTransactionsResponse)
	for _, id := range r.TransactionalIDs {
		s := kmsg.NewDescribeTransactionsResponseTransactionState()
		s.TransactionalID = id
		t, err := c.b.store.DescribeTxn(id)
		if s.ErrorCode = code(err); err == nil {
			describeTxn(&s, t)
		}
		res.TransactionStates = append(res.TransactionStates, s)
	}
	return res, nil
}

func describeTxn(s *kmsg.DescribeTransactionsResponseTransactionState, t store.TxnInfo) {
	s.State, s.TimeoutMillis = string(t.State), int32(t.Timeout.Milliseconds())
	s.ProducerID, s.ProducerEpoch, s.StartTimestamp = t.Producer.ID, t.Producer.Epoch, -1
	if !t.Started.IsZero() {
		s.StartTimestamp = t.Started.UnixMilli()
	}
	for _, tp := range t.Partitions {
		if n := len(s.Topics); n == 0 || s.Topics[n-1].Topic != tp.Topic {
			topic := kmsg.NewDescribeTransactionsResponseTransactionStateTopic()
			topic.Topic = tp.Topic
			s.Topics = append(s.Topics, topic)
		}
		last := &s.Topics[len(s.Topics)-1]
		last.Partitions = append(last.Partitions, tp.Partition)
	}
}

func (c *conn) listTransactions(_ context.Context, r *kmsg.ListTransactionsRequest) (kmsg.Response, error) {
	res := r.ResponseKind().(*kmsg.ListTransactionsResponse)
	known := []store.TxnState{
		store.TxnEmpty, store.TxnOngoing, store.TxnPrepareCommit, store.TxnPrepareAbort, store.TxnCompleteCommit, store.TxnCompleteAbort,
	}
	for _, f := range r.StateFilters {
		if !slices.Contains(known, store.TxnState(f)) {
			res.UnknownStateFilters = append(res.UnknownStateFilters, f)
		}
	}
	var pattern *regexp.Regexp
	if r.TransactionalIDPattern != nil && *r.TransactionalIDPattern != "" {
		var err error
		if pattern, err = regexp.Compile("^(?:" + *r.TransactionalIDPattern + ")$"); err != nil {
			res.ErrorCode = kerr.InvalidRegularExpression.Code
			return res, nil
		}
	}
	now := c.b.o.Now()
	for _, t := range c.b.store.ListTxns() {
		if !listed(t, r, now) || pattern != nil && !pattern.MatchString(t.TransactionalID) {
			continue
		}
		s := kmsg.NewListTransactionsResponseTransactionState()
		s.TransactionalID, s.ProducerID, s.TransactionState = t.TransactionalID, t.Producer.ID, string(t.State)
		res.TransactionStates = append(res.TransactionStates, s)
	}
	return res, nil
}

// listed reports whether a transactional id passes the filters of the request.
func listed(t store.TxnInfo, r *kmsg.ListTransactionsRequest, now time.Time) bool {
	if len(r.StateFilters) > 0 && !slices.Contains(r.StateFilters, string(t.State)) {
		return false
	}
	if len(r.ProducerIDFilters) > 0 && !slices.Contains(r.ProducerIDFilters, t.Producer.ID) {
		return false
	}
	if r.Version < 1 || r.DurationFilterMillis < 0 {
		return true
	}
	return !t.Started.IsZero() && now.Sub(t.Started).Milliseconds() > r.DurationFilterMillis
}
