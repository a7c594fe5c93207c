// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/metrics"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// TaskRunner is a task; *runtime.Task is one.
type TaskRunner interface {
	Run(ctx context.Context) error
	Pause()
	Resume()
}

// Metrics hands out the counters of tasks.
type Metrics interface {
	Task(connector string, task int) *metrics.Task
	Remove(connector string)
}

// Offsets is the offsets topic as the worker needs it.
type Offsets interface {
	Topic() string
	Load(ctx context.Context, connector string) ([]connect.Position, error)
	Records(connector string, ps []connect.Position) ([]topics.OffsetRecord, error)
	Write(ctx context.Context, transactionalID, connector string, ps []connect.Position) error
	Aborted(ctx context.Context, connector string, partitions []connect.Value) ([]connect.Position, error)
}

// Statuses is the status topic as the worker needs it; *topics.Status is one.
type Statuses interface {
	Connector(name string) (topics.InstanceStatus, bool)
	Tasks(name string) map[int]topics.InstanceStatus
	Topics(connector string) []string
	PutConnector(ctx context.Context, name string, st topics.InstanceStatus) error
	PutTask(ctx context.Context, name string, task int, st topics.InstanceStatus) error
	PutTaskSafely(ctx context.Context, name string, task int, st topics.InstanceStatus) error
	DeleteConnector(ctx context.Context, name string) error
	DeleteTask(ctx context.Context, name string, task int) error
	PutTopic(ctx context.Context, u topics.TopicUse) error
	DeleteTopics(ctx context.Context, connector string) error
}

// Options are what a worker is made of. All but the functions and Log are required.
type Options struct {
	// Group is group.id; ID is host:port of the advertised REST address.
	Group, ID string
	Plugins   *connect.Plugins
	Settings  runtime.WorkerSettings
	Cluster   *kafka.Cluster
	// Clusters is the pool that tasks share connections from.
	Clusters *kafka.Clusters
	Config   topics.ConfigOptions
	Offsets  topics.Options
	Status   topics.Options
	// StateDir is where tasks keep local copies of state.
	StateDir string
	// Providers resolve ${provider:…} in configurations.
	Providers Providers
	// Tracking is topic.tracking.enable, TrackingReset topic.tracking.allow.reset.
	Tracking, TrackingReset bool
	// GracefulStop is task.shutdown.graceful.timeout.ms.
	GracefulStop time.Duration
	Override     OverridePolicy
	Metrics      Metrics
	Log          *slog.Logger
	Now          func() time.Time
	Crash        func(point string)
	// NewTask makes tasks; nil is runtime.NewTask.
	NewTask func(runtime.TaskOptions) (TaskRunner, error)
}
