// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker/store"
)

// scanBytes is how much of a partition a search by time reads at once.
const scanBytes = 1 << 20

// offsetForTime finds the first record with the timestamp or a later one.
func offsetForTime(l *store.Log, ts int64) (offset, at int64, err error) {
	return searchTime(l, ts, func(records []*kgo.Record) *kgo.Record {
		for _, r := range records {
			if r.Timestamp.UnixMilli() >= ts {
				return r
			}
		}
		return nil
	})
}

// offsetOfMaxTime finds the first record with the greatest timestamp.
func offsetOfMaxTime(l *store.Log) (offset, at int64, err error) {
	newest := int64(-1)
	err = eachBatch(l, func(batch []byte) bool {
		newest = max(newest, batchMaxTime(batch))
		return true
	})
	if err != nil || newest < 0 {
		return -1, -1, err
	}
	return offsetForTime(l, newest)
}

// searchTime looks with pick through the batches that reach ts.
func searchTime(l *store.Log, ts int64, pick func([]*kgo.Record) *kgo.Record) (offset, at int64, err error) {
	offset, at = -1, -1
	err = eachBatch(l, func(batch []byte) bool {
		if batchMaxTime(batch) < ts {
			return true
		}
		part := kmsg.FetchResponseTopicPartition{RecordBatches: batch, HighWatermark: -1, LastStableOffset: -1}
		got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{KeepControlRecords: true}, &part, kgo.DefaultDecompressor(), nil)
		if r := pick(got.Records); r != nil {
			offset, at = r.Offset, r.Timestamp.UnixMilli()
			return false
		}
		return true
	})
	return offset, at, err
}

func batchMaxTime(batch []byte) int64 { return int64(binary.BigEndian.Uint64(batch[35:])) }

// eachBatch calls fn for each batch of the partition until it returns false.
func eachBatch(l *store.Log, fn func(batch []byte) bool) error {
	buf := takeBuffer()
	defer giveBuffer(buf)
	next, _, _ := l.Offsets()
	for {
		f, err := l.Read(next, scanBytes, store.ReadUncommitted, (*buf)[:0])
		*buf = f.Bytes
		if err != nil || len(f.Bytes) == 0 {
			return err
		}
		for p := f.Bytes; len(p) > 0; {
			n := int(binary.BigEndian.Uint32(p[8:])) + 12
			if !fn(p[:n]) {
				return nil
			}
			next = int64(binary.BigEndian.Uint64(p)) + int64(binary.BigEndian.Uint32(p[23:])) + 1
			p = p[n:]
		}
	}
}
