// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// decodeBlock appends the records of an answer to the run, from offset next on,
// without control batches and aborted transactions, and returns the offset behind
// the last batch that was whole.
func decodeBlock(run *Run, block *sarama.FetchResponseBlock, next int64, iso Isolation) (int64, error) {
	aborted := newAbortedIndex(block, iso)
	total := 0
	for _, rs := range block.RecordsSet {
		if rs.RecordBatch != nil {
			total += len(rs.RecordBatch.Records)
		}
	}
	run.Records = make([]Record, 0, total)
	for _, rs := range block.RecordsSet {
		b := rs.RecordBatch
		if b == nil {
			return next, fmt.Errorf("a batch of the format before Kafka 0.11 cannot be read: rewrite the topic with a current client")
		}
		if b.PartialTrailingRecord {
			break
		}
		end := b.LastOffset() + 1
		if end <= next {
			continue
		}
		aborted.reach(b.LastOffset())
		switch {
		case b.Control:
			aborted.control(b)
		case b.IsTransactional && aborted.contains(b.ProducerID):
		default:
			appendBatch(run, b, next)
		}
		next = end
	}
	return next, nil
}

// behindEmpty returns the offset behind a part of an answer that holds nothing but
// batches whose records have all been cleaned away, and -1 for any other. The library
// leaves such batches out, but keeps where they end, in a field it does not show.
func behindEmpty(block *sarama.FetchResponseBlock) int64 {
	if len(block.RecordsSet) > 0 || block.Partial {
		return -1
	}
	next := reflect.ValueOf(block).Elem().FieldByName("recordsNextOffset")
	if !next.IsValid() || next.Kind() != reflect.Pointer || next.IsNil() {
		return -1
	}
	return next.Elem().Int()
}

// isCutOff reports that not even the first batch came whole.
func isCutOff(block *sarama.FetchResponseBlock) bool {
	if block.Partial {
		return true
	}
	first := block.RecordsSet
	return len(first) > 0 && first[0].RecordBatch != nil && first[0].RecordBatch.PartialTrailingRecord
}

func appendBatch(run *Run, b *sarama.RecordBatch, from int64) {
	first := b.FirstTimestamp.UnixMilli()
	for _, r := range b.Records {
		offset := b.FirstOffset + r.OffsetDelta
		if offset < from {
			continue
		}
		out := Record{Key: r.Key, Value: r.Value, Offset: offset, Timestamp: first + int64(r.TimestampDelta/time.Millisecond)}
		if b.LogAppendTime {
			out.Timestamp, out.LogAppendTime = b.MaxTimestamp.UnixMilli(), true
		}
		if len(r.Headers) > 0 {
			out.Headers = make([]Header, len(r.Headers))
			for i, h := range r.Headers {
				out.Headers[i] = Header{Key: string(h.Key), Value: h.Value}
			}
		}
		run.Records = append(run.Records, out)
	}
}

// abortedIndex knows which producers' records are part of an aborted transaction at
// the offset that has been reached.
type abortedIndex struct {
	pending []*sarama.AbortedTransaction // by first offset
	open    map[int64]bool
}

func newAbortedIndex(block *sarama.FetchResponseBlock, iso Isolation) *abortedIndex {
	a := &abortedIndex{}
	if iso == ReadCommitted && len(block.AbortedTransactions) > 0 {
		a.pending = slices.Clone(block.AbortedTransactions)
		slices.SortFunc(a.pending, func(x, y *sarama.AbortedTransaction) int { return cmp.Compare(x.FirstOffset, y.FirstOffset) })
		a.open = make(map[int64]bool, len(a.pending))
	}
	return a
}

func (a *abortedIndex) reach(offset int64) {
	for len(a.pending) > 0 && a.pending[0].FirstOffset <= offset {
		a.open[a.pending[0].ProducerID] = true
		a.pending = a.pending[1:]
	}
}

// control takes in a marker: an abort ends the producer's aborted transaction.
func (a *abortedIndex) control(b *sarama.RecordBatch) {
	if a.open == nil || len(b.Records) == 0 {
		return
	}
	// The key of a control record is version and type, two bytes each; type 0 is abort.
	if key := b.Records[0].Key; len(key) >= 4 && key[2] == 0 && key[3] == 0 {
		delete(a.open, b.ProducerID)
	}
}

func (a *abortedIndex) contains(producer int64) bool { return a.open[producer] }
