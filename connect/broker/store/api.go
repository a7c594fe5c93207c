// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"time"
)

var errUnderConstruction = errors.New("not available")

// Store is an open log directory. All methods may be called concurrently.
type Store struct{ configKeys []ConfigKey }

// Open opens or creates the log in o.Dir, repairs what a kill left behind and
// starts the background work. ctx bounds opening only.
func Open(ctx context.Context, o Options) (*Store, error) { return nil, errUnderConstruction }

// Close ends open transactions by abort, syncs and releases the directory. It
// is idempotent and returns the error of a failed store.
func (s *Store) Close() error { return errUnderConstruction }

// Failed is closed when the store entered its failed state; Err then tells why.
func (s *Store) Failed() <-chan struct{} { return nil }

// Err is the reason of the failed state, nil while the store works.
func (s *Store) Err() error { return nil }

// ClusterID is the id given to the log when it was created, 22 characters.
func (s *Store) ClusterID() string { return "" }

// Sync returns when everything appended before the call is on stable storage.
// Concurrent calls share the work.
func (s *Store) Sync(ctx context.Context) error { return errUnderConstruction }

// Flush hands everything appended before the call to the operating system: it
// survives the end of the process, not of the machine. It is what acks=1 waits for.
func (s *Store) Flush() error { return errUnderConstruction }

// Clean runs one unthrottled round of retention, cleaning and reclaiming now.
func (s *Store) Clean(ctx context.Context) error { return errUnderConstruction }

// Tick aborts the transactions that have timed out and forgets what has
// expired. The background work calls it each Options.TickEvery.
func (s *Store) Tick(ctx context.Context) error { return errUnderConstruction }

// Stats counts.
func (s *Store) Stats() Stats { return Stats{} }

// CreateTopic creates a topic and returns when it is durable. Errors:
// TopicAlreadyExists, InvalidTopic, InvalidPartitions, InvalidConfig,
// PolicyViolation (too many partitions).
func (s *Store) CreateTopic(ctx context.Context, name string, partitions int32, configs map[string]string) (Topic, error) {
	return Topic{}, errUnderConstruction
}

// CheckTopic returns the error that CreateTopic would return, without creating.
func (s *Store) CheckTopic(name string, partitions int32, configs map[string]string) error {
	return nil
}

// DeleteTopic removes a topic, its data and the offsets that groups have in it.
func (s *Store) DeleteTopic(ctx context.Context, name string) error { return errUnderConstruction }

// GrowTopic raises the number of partitions to total.
func (s *Store) GrowTopic(ctx context.Context, name string, total int32) error {
	return errUnderConstruction
}

// AlterConfigs replaces all configs of a topic. CheckConfigs tells beforehand.
func (s *Store) AlterConfigs(ctx context.Context, name string, configs map[string]string) error {
	return errUnderConstruction
}

// Topics lists all topics sorted by name.
func (s *Store) Topics() []Topic { return nil }

// TopicByName finds a topic.
func (s *Store) TopicByName(name string) (Topic, bool) { return Topic{}, false }

// TopicByID finds a topic.
func (s *Store) TopicByID(id TopicID) (Topic, bool) { return Topic{}, false }

// Log returns the handle of a partition; get it once and keep it. It turns
// invalid (UnknownTopicOrPart) when the topic is deleted.
func (s *Store) Log(topic string, partition int32) (*Log, bool) { return nil, false }

// Log is the handle of a partition. All methods may be called concurrently.
type Log struct{}

// Append verifies one record batch (magic 2) and appends it. It patches base
// offset and leader epoch into batch, which it does not keep. The batch is
// visible to readers at once (transactional ones to read-committed readers
// after EndTxn), on stable storage after the next Sync. A repeated batch of an
// idempotent producer gives the offset of the first time.
func (l *Log) Append(batch []byte) (base int64, err error) { return 0, errUnderConstruction }

// Read appends to dst whole batches from the one that holds offset, at most
// maxBytes unless the first batch alone is larger; maxBytes ≤ 0 reads none.
// Errors: OffsetOutOfRange (Fetched's offsets are set), UnknownTopicOrPart.
func (l *Log) Read(offset int64, maxBytes int, iso Isolation, dst []byte) (Fetched, error) {
	return Fetched{}, errUnderConstruction
}

// Offsets returns log start, last stable offset and high watermark.
func (l *Log) Offsets() (start, stable, end int64) { return 0, 0, 0 }

// OffsetForTime finds the first record with a timestamp (ms) of at least ts, and
// returns its offset and timestamp; -1, -1 when there is none.
func (l *Log) OffsetForTime(ts int64) (offset, timestamp int64, err error) { return -1, -1, nil }

// OffsetOfMaxTime finds the record with the greatest timestamp; -1, -1 when the
// partition is empty.
func (l *Log) OffsetOfMaxTime() (offset, timestamp int64, err error) { return -1, -1, nil }

// DeleteBefore moves the log start up to offset (-1: to the high watermark) and
// returns the new start when it is durable. Errors: OffsetOutOfRange,
// PolicyViolation for topics that are only compacted.
func (l *Log) DeleteBefore(ctx context.Context, offset int64) (start int64, err error) {
	return 0, errUnderConstruction
}

// Watch sends to ch, without blocking, whenever the high watermark or the last
// stable offset has moved, or the topic was deleted. ch should have room for one.
func (l *Log) Watch(ch chan<- struct{}) (cancel func()) { return func() {} }

// Size is the sum of the batches that may be read, in bytes.
func (l *Log) Size() int64 { return 0 }

// Producers lists the producers that wrote to the partition, by id.
func (l *Log) Producers() []ProducerInfo { return nil }

// InitProducer starts a producer session. Without a transactional id it returns
// a new producer id. With one it ends what the previous session left open by
// abort and raises the epoch; p names the session to continue (KIP-360), or is
// {-1, -1}. Errors: ProducerFenced, InvalidProducerID, InvalidTxnTimeout, ConcurrentTransactions,
// PolicyViolation (too many producers).
func (s *Store) InitProducer(ctx context.Context, txnID string, timeout time.Duration, p Producer) (Producer, error) {
	return Producer{}, errUnderConstruction
}

// AddPartitions adds partitions to the producer's transaction and begins it if
// needed: all of them, or none and an error. Errors: InvalidProducerID,
// ProducerFenced, ConcurrentTransactions, UnknownTopicOrPart.
func (s *Store) AddPartitions(txnID string, p Producer, parts []TopicPartition) error {
	return errUnderConstruction
}

// CheckPartitions reports whether the partitions belong to the producer's open
// transaction (the verify-only form of AddPartitionsToTxn): InvalidTxnState if
// one does not.
func (s *Store) CheckPartitions(txnID string, p Producer, parts []TopicPartition) error {
	return errUnderConstruction
}

// AddOffsets announces that the transaction will commit offsets of group.
func (s *Store) AddOffsets(txnID string, p Producer, group string) error { return errUnderConstruction }

// TxnCommitOffsets keeps offsets that become the group's with the commit of the
// transaction. check, unless nil, is called first, without any lock of the
// store, and its error is returned: the server verifies member and generation
// there. The caller may hold its group's lock during the call.
func (s *Store) TxnCommitOffsets(txnID string, p Producer, group string, offsets []GroupOffset, check func() error) error {
	return errUnderConstruction
}

// EndTxn commits or aborts the open transaction and returns when the decision
// is durable and visible. Repeating a finished EndTxn with the same decision and
// epoch is no error. Errors: InvalidProducerID, ProducerFenced,
// InvalidTxnState, ConcurrentTransactions.
func (s *Store) EndTxn(ctx context.Context, txnID string, p Producer, commit bool) error {
	return errUnderConstruction
}

// ListTxns lists the transactional ids, sorted.
func (s *Store) ListTxns() []TxnInfo { return nil }

// DescribeTxn describes one; TransactionalIDUnknown if it is not known.
func (s *Store) DescribeTxn(txnID string) (TxnInfo, error) { return TxnInfo{}, errUnderConstruction }

// CommitOffsets stores offsets of a group and returns when they are durable.
func (s *Store) CommitOffsets(ctx context.Context, group string, offsets []GroupOffset) error {
	return errUnderConstruction
}

// Offsets returns the durable offsets of a group, sorted by topic and
// partition; empty if the group has none.
func (s *Store) Offsets(ctx context.Context, group string) ([]GroupOffset, error) { return nil, nil }

// DeleteOffsets forgets offsets of a group; unknown ones are no error.
func (s *Store) DeleteOffsets(ctx context.Context, group string, parts []TopicPartition) error {
	return errUnderConstruction
}

// DeleteGroup forgets all offsets of a group; GroupIDNotFound if it has none.
func (s *Store) DeleteGroup(ctx context.Context, group string) error { return errUnderConstruction }

// Groups lists the groups with offsets, sorted.
func (s *Store) Groups() []string { return nil }
