// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"

	"github.com/IBM/sarama"
)

// ErrFenced says that another producer with the same transactional id has begun, or
// that the coordinator has ended this one's epoch. Producer.Reinit tells which.
var ErrFenced = errors.New("the producer is fenced: its transactional id is in use by a newer producer, or its transaction timed out")

// ErrUnknownTopic says that a topic or partition does not exist.
var ErrUnknownTopic = errors.New("the topic or partition does not exist")

// RecordError is the refusal of one record by the broker: too large, or against a
// rule of the topic. Index counts within the records that were sent to the partition
// since the transaction began.
type RecordError struct {
	TopicPartition
	Index int
	Err   error
}

// Error names partition, record and reason.
func (e *RecordError) Error() string {
	return fmt.Sprintf("record %d for %s-%d is refused: %v", e.Index, e.Topic, e.Partition, e.Err)
}

// Unwrap returns the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// unknownAttempts is how often an unknown topic is tried again, some seconds in all:
// a new topic is not known to every broker at once.
const unknownAttempts = 11

// isFenced reports an answer that ends this producer's epoch.
func isFenced(err error) bool {
	return errors.Is(err, sarama.ErrProducerFenced) || errors.Is(err, sarama.ErrInvalidProducerEpoch) ||
		errors.Is(err, sarama.ErrInvalidProducerIDMapping)
}

// isBusy reports that the coordinator still works on the transaction before.
func isBusy(err error) bool { return errors.Is(err, sarama.ErrConcurrentTransactions) }

// isMoved reports that leader or coordinator must be looked up anew.
func isMoved(err error) bool {
	for _, k := range []sarama.KError{
		sarama.ErrNotLeaderForPartition, sarama.ErrLeaderNotAvailable, sarama.ErrNotCoordinatorForConsumer,
		sarama.ErrConsumerCoordinatorNotAvailable, sarama.ErrReplicaNotAvailable, sarama.ErrUnknownLeaderEpoch,
		sarama.ErrFencedLeaderEpoch, sarama.ErrKafkaStorageError,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// isRetriable reports a failure that may pass: of the connection, of a leader, of
// a coordinator that is loading.
func isRetriable(err error) bool {
	if err == nil {
		return false
	}
	if isMoved(err) || isBusy(err) || isConnection(err) {
		return true
	}
	for _, k := range []sarama.KError{
		sarama.ErrOffsetsLoadInProgress, sarama.ErrRequestTimedOut, sarama.ErrNetworkException, sarama.ErrNotEnoughReplicas,
		sarama.ErrNotEnoughReplicasAfterAppend, sarama.ErrNotController, sarama.ErrUnknownTopicOrPartition,
	} {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}

// isConnection reports a failure of the connection, after which nobody knows
// whether the request was carried out.
func isConnection(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) ||
		errors.Is(err, sarama.ErrNotConnected) || errors.Is(err, sarama.ErrOutOfBrokers) || errors.Is(err, sarama.ErrBrokerNotAvailable) ||
		errors.Is(err, sarama.ErrClosedClient) || errors.Is(err, sarama.ErrShuttingDown)
}

// kerr turns an error code of an answer into an error, and ErrNoError into nil.
func kerr(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}
