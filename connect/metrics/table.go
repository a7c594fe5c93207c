// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Kind says which metrics a task has.
type Kind int32

// The kinds of tasks. A task whose kind is not set yet has the metrics of neither.
const (
	anyTask Kind = iota
	Source
	Sink
)

// metric is one row of the table: a value of a task.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	of    Kind
	value func(t *Task) float64
}

func describe(group, name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kafka_connect_"+group+"_"+name, help, labels, nil)
}

func row(group, name, help string, kind prometheus.ValueType, of Kind, value func(t *Task) float64) metric {
	return metric{describe(group, name, help, "connector", "task"), kind, of, value}
}

func count(group, name, help string, of Kind, field func(t *Task) *atomic.Int64) metric {
	return row(group, name, help, prometheus.CounterValue, of, func(t *Task) float64 { return float64(field(t).Load()) })
}

func gauge(group, name, help string, of Kind, field func(t *Task) *atomic.Int64) metric {
	return row(group, name, help, prometheus.GaugeValue, of, func(t *Task) float64 { return float64(field(t).Load()) })
}

func millis(group, name, help string, of Kind, field func(t *Task) *atomic.Int64) metric {
	return row(group, name, help, prometheus.GaugeValue, of, func(t *Task) float64 { return float64(field(t).Load()) / float64(time.Millisecond) })
}

func seconds(group, name, help string, of Kind, field func(t *Task) *atomic.Int64) metric {
	return row(group, name, help, prometheus.CounterValue, of, func(t *Task) float64 { return float64(field(t).Load()) / float64(time.Second) })
}

// mean is a sum of nanoseconds over a count, in milliseconds.
func mean(group, name, help string, of Kind, sum, n func(t *Task) *atomic.Int64) metric {
	return row(group, name, help, prometheus.GaugeValue, of, func(t *Task) float64 {
		return ratio(float64(sum(t).Load())/float64(time.Millisecond), float64(n(t).Load()))
	})
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

const (
	groupTask   = "connector_task_metrics"
	groupSource = "source_task_metrics"
	groupSink   = "sink_task_metrics"
	groupErrors = "task_error_metrics"
	groupWorker = "connect_worker_metrics"
)

func commits(t *Task) *atomic.Int64 { return &t.Commits }
func polls(t *Task) *atomic.Int64   { return &t.Polls }
func puts(t *Task) *atomic.Int64    { return &t.Puts }

// table lists the metrics of tasks, under the names that the original's have in
// Prometheus. What the original samples over a window (rates, averages) is shown over
// the life of the counters; a rate is what the reader makes of a total.
var table = []metric{
	millis(groupTask, "offset_commit_max_time_ms", "Longest commit in milliseconds.", anyTask, func(t *Task) *atomic.Int64 { return &t.CommitMaxNanos }),
	mean(groupTask, "offset_commit_avg_time_ms", "Mean time of a commit in milliseconds.", anyTask, func(t *Task) *atomic.Int64 { return &t.CommitNanos }, commits),
	seconds(groupTask, "offset_commit_seconds_total", "Time spent in commits.", anyTask, func(t *Task) *atomic.Int64 { return &t.CommitNanos }),
	count(groupTask, "offset_commit_success_total", "Commits that succeeded.", anyTask, commits),
	count(groupTask, "offset_commit_failure_total", "Commits that failed.", anyTask, func(t *Task) *atomic.Int64 { return &t.CommitFailures }),
	row(groupTask, "offset_commit_success_percentage", "Share of commits that succeeded.", prometheus.GaugeValue, anyTask, func(t *Task) float64 {
		return ratio(float64(t.Commits.Load()), float64(t.Commits.Load()+t.CommitFailures.Load()))
	}),
	row(groupTask, "offset_commit_failure_percentage", "Share of commits that failed.", prometheus.GaugeValue, anyTask, func(t *Task) float64 {
		return ratio(float64(t.CommitFailures.Load()), float64(t.Commits.Load()+t.CommitFailures.Load()))
	}),
	count(groupTask, "records_dropped_total", "Records that the chain let go without output.", anyTask, func(t *Task) *atomic.Int64 { return &t.Dropped }),
	count(groupTask, "records_late_total", "Records, or parts of them, that came after their window closed.", anyTask, func(t *Task) *atomic.Int64 { return &t.Late }),

	count(groupSource, "source_record_poll_total", "Records that the connector returned.", Source, func(t *Task) *atomic.Int64 { return &t.Polled }),
	count(groupSource, "source_record_write_total", "Records that were committed to topics.", Source, func(t *Task) *atomic.Int64 { return &t.Written }),
	gauge(groupSource, "source_record_active_count", "Records that were polled and are not committed yet.", Source, func(t *Task) *atomic.Int64 { return &t.Active }),
	millis(groupSource, "poll_batch_max_time_ms", "Longest poll that returned records, in milliseconds.", Source, func(t *Task) *atomic.Int64 { return &t.PollMaxNanos }),
	mean(groupSource, "poll_batch_avg_time_ms", "Mean time of a poll that returned records, in milliseconds.", Source, func(t *Task) *atomic.Int64 { return &t.PollNanos }, polls),
	gauge(groupSource, "transaction_size_min", "Fewest records of a transaction.", Source, func(t *Task) *atomic.Int64 { return &t.UnitRecordsMin }),
	gauge(groupSource, "transaction_size_max", "Most records of a transaction.", Source, func(t *Task) *atomic.Int64 { return &t.UnitRecordsMax }),
	row(groupSource, "transaction_size_avg", "Mean number of records written in a transaction.", prometheus.GaugeValue, Source, func(t *Task) float64 {
		return ratio(float64(t.Written.Load()), float64(t.Commits.Load()))
	}),

	count(groupSink, "sink_record_read_total", "Records that were read from topics.", Sink, func(t *Task) *atomic.Int64 { return &t.Polled }),
	count(groupSink, "sink_record_send_total", "Records that were put into the sink and committed.", Sink, func(t *Task) *atomic.Int64 { return &t.Written }),
	gauge(groupSink, "sink_record_active_count", "Records that were read and are not committed yet.", Sink, func(t *Task) *atomic.Int64 { return &t.Active }),
	gauge(groupSink, "sink_record_lag_max", "Largest number of records that a partition is behind.", Sink, func(t *Task) *atomic.Int64 { return &t.Lag }),
	gauge(groupSink, "partition_count", "Partitions that the task reads.", Sink, func(t *Task) *atomic.Int64 { return &t.Partitions }),
	count(groupSink, "offset_commit_completion_total", "Commits of offsets.", Sink, commits),
	millis(groupSink, "put_batch_max_time_ms", "Longest put in milliseconds.", Sink, func(t *Task) *atomic.Int64 { return &t.PutMaxNanos }),
	mean(groupSink, "put_batch_avg_time_ms", "Mean time of a put in milliseconds.", Sink, func(t *Task) *atomic.Int64 { return &t.PutNanos }, puts),

	count(groupErrors, "total_record_errors", "Errors of records, each attempt counted.", anyTask, func(t *Task) *atomic.Int64 { return &t.Errors }),
	count(groupErrors, "total_record_failures", "Records that failed for good.", anyTask, func(t *Task) *atomic.Int64 { return &t.Failures }),
	count(groupErrors, "total_records_skipped", "Records that errors.tolerance let go.", anyTask, func(t *Task) *atomic.Int64 { return &t.Skipped }),
	count(groupErrors, "total_retries", "Operations that were repeated.", anyTask, func(t *Task) *atomic.Int64 { return &t.Retries }),
	count(groupErrors, "total_errors_logged", "Log lines about records.", anyTask, func(t *Task) *atomic.Int64 { return &t.Logged }),
	count(groupErrors, "deadletterqueue_produce_requests", "Records for the error topic.", anyTask, func(t *Task) *atomic.Int64 { return &t.ErrorRecords }),
	count(groupErrors, "deadletterqueue_produce_failures", "Records that the error topic did not take.", anyTask, func(t *Task) *atomic.Int64 { return &t.ErrorRecordFailures }),
	gauge(groupErrors, "last_error_timestamp", "Time of the last error, in milliseconds since the epoch.", anyTask, func(t *Task) *atomic.Int64 { return &t.LastError }),
}

// connectorRow is a number of tasks of a connector.
type connectorRow struct {
	desc  *prometheus.Desc
	state State // "" counts all
}

func (c *connectorRow) count(tasks []*Task) float64 {
	n := 0
	for _, t := range tasks {
		if c.state == "" || t.State() == c.state {
			n++
		}
	}
	return float64(n)
}

func tasksIn(state State, name string) connectorRow {
	return connectorRow{describe(groupWorker, "connector_"+name+"_task_count", "Tasks of the connector: "+name+".", "connector"), state}
}

var connectorTable = []connectorRow{
	tasksIn("", "total"), tasksIn(Running, "running"), tasksIn(Paused, "paused"), tasksIn(Failed, "failed"),
	tasksIn(Unassigned, "unassigned"), tasksIn(Restarting, "restarting"),
}

var (
	statusDesc     = describe(groupTask, "status", "1 for the state that the task is in.", "connector", "task", "status")
	connectorCount = describe(groupWorker, "connector_count", "Connectors with tasks on this worker.")
	taskCount      = describe(groupWorker, "task_count", "Tasks on this worker.")
)
