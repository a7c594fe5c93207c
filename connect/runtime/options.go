// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
)

// TaskOptions say what a task is and what it may use. Connector, Group, Config,
// Plugins, Clusters and, for sources, Offsets are required.
type TaskOptions struct {
	Connector string
	Task      int
	// Group is the worker's group.id: the prefix of transactional ids and changelogs.
	Group string
	// Config is the connector's configuration, placeholders resolved; TaskConfig is
	// what Connector.Tasks returned for this task, and wins over Config for the
	// plugin's own keys.
	Config, TaskConfig map[string]string
	Plugins            *connect.Plugins
	Clusters           *kafka.Clusters
	Worker             WorkerSettings
	// StateDir is a directory of this connector for local copies of state; "" keeps
	// no local copy.
	StateDir string
	Offsets  OffsetStore
	// Metrics is where the task counts; nil counts into nothing.
	Metrics *metrics.Task
	// Log is given to plugins too, with the attributes component, connector and task
	// added; nil discards.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Crash is called at the named points of the road; nil for none.
	Crash func(point string)
	// OnTopic is called with each topic that the task reads or writes records of, once
	// per topic, from the task's goroutines; nil for none.
	OnTopic func(topic string)
	// OnRunning is called once, when the plugin has been started and the first record
	// may flow; nil for none.
	OnRunning func()
}

// WorkerSettings are what all tasks of a worker share.
type WorkerSettings struct {
	// Common holds the Kafka client properties of the worker (bootstrap.servers, ssl.*,
	// sasl.*, …). Producer, Consumer and Admin are added over it by role, without
	// their prefix; a connector's producer.override.* and so on are added last.
	Common, Producer, Consumer, Admin map[string]string
	// Converters holds key.converter, value.converter and header.converter and the
	// properties below their prefixes. They serve connectors that set none.
	Converters map[string]string
	// FlushInterval is offset.flush.interval.ms; zero means 60 s.
	FlushInterval time.Duration
	// StopTimeout is how long a commit may still take after the end of the context of
	// Run; zero means 5 s.
	StopTimeout time.Duration
	// Replication is the replication factor of changelog topics; zero means the brokers'
	// default.
	Replication int16
	// NoTopicCreation is topic.creation.enable=false.
	NoTopicCreation bool
	// BatchBytes and BatchRecords bound what one poll asks for, UnitBytes what
	// one transaction gathers before it is closed; zero means the default.
	BatchBytes, BatchRecords, UnitBytes int
	// RefreshInterval is how often a sink looks for new topics and partitions; zero
	// means 5 s.
	RefreshInterval time.Duration
}

// OffsetRecord is one record of the offsets topic. A nil Value is a tombstone.
type OffsetRecord struct {
	Partition  int32
	Key, Value []byte
}

// OffsetStore knows the format of the offsets topic and what is committed there.
// Implementations are safe for concurrent use by many tasks.
type OffsetStore interface {
	// Topic is the topic that the records belong to; it is on the cluster of the
	// task's producer.
	Topic() string
	// Load returns the committed position of every source partition of the connector.
	// It takes the end of the topic as it is now, uncommitted records included, and
	// returns when everything committed up to there has been read.
	Load(ctx context.Context, connector string) ([]connect.Position, error)
	// Records returns the bytes that store these positions, one record each, in order:
	// a known source partition keeps the key and the partition it was found with. A
	// null Offset gives a tombstone. Nothing is considered stored until it is read back.
	Records(connector string, ps []connect.Position) ([]OffsetRecord, error)
}

// OffsetRepair is implemented by an OffsetStore that can tell which keys end in a
// record of an aborted transaction: readers that look at uncommitted records take
// those for the truth, so the committed value has to be written again.
type OffsetRepair interface {
	// Aborted returns, of these source partitions, the committed positions whose newest
	// record in the topic was aborted.
	Aborted(ctx context.Context, connector string, partitions []connect.Value) ([]connect.Position, error)
}
