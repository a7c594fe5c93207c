// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metric is one row of the table: a name, a sentence, and how it is read.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(*Task) float64
}

var taskLabels = []string{"connector", "task"}

func describe(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, taskLabels, nil)
}

func counter(name, help string, field func(*Task) *atomic.Int64) metric {
	return metric{describe(name, help), prometheus.CounterValue, func(t *Task) float64 { return float64(field(t).Load()) }}
}

func gauge(name, help string, field func(*Task) *atomic.Int64) metric {
	return metric{describe(name, help), prometheus.GaugeValue, func(t *Task) float64 { return float64(field(t).Load()) }}
}

// seconds shows a number of nanoseconds in seconds.
func seconds(name, help string, kind prometheus.ValueType, field func(*Task) *atomic.Int64) metric {
	return metric{describe(name, help), kind, func(t *Task) float64 { return float64(field(t).Load()) / 1e9 }}
}

var states = []State{Unassigned, Running, Paused, Stopped, Failed, Restarting}

var statusDesc = prometheus.NewDesc("kafka_connect_connector_task_metrics_status", "1 for the state that the task is in.", append(taskLabels, "status"), nil)

// table is every metric of a task. Names are those under which Kafka Connect's metrics
// are usually known to Prometheus; those of connectd's own begin with connectd_.
var table = []metric{
	counter("kafka_connect_source_task_metrics_source_record_poll_total", "Records that were read.", func(t *Task) *atomic.Int64 { return &t.Polled }),
	counter("kafka_connect_source_task_metrics_source_record_write_total", "Records that were committed or put.", func(t *Task) *atomic.Int64 { return &t.Written }),
	gauge("kafka_connect_source_task_metrics_source_record_active_count", "Records that were read and are not committed yet.", func(t *Task) *atomic.Int64 { return &t.Active }),
	gauge("kafka_connect_source_task_metrics_transaction_size_min", "Records of the smallest transaction.", func(t *Task) *atomic.Int64 { return &t.UnitRecordsMin }),
	gauge("kafka_connect_source_task_metrics_transaction_size_max", "Records of the largest transaction.", func(t *Task) *atomic.Int64 { return &t.UnitRecordsMax }),
	gauge("kafka_connect_sink_task_metrics_sink_record_lag_max", "Records that the partition furthest behind is behind.", func(t *Task) *atomic.Int64 { return &t.Lag }),
	gauge("kafka_connect_sink_task_metrics_partition_count", "Partitions that are read.", func(t *Task) *atomic.Int64 { return &t.Partitions }),

	counter("kafka_connect_task_error_metrics_total_record_errors", "Errors of records, before retries.", func(t *Task) *atomic.Int64 { return &t.Errors }),
	counter("kafka_connect_task_error_metrics_total_record_failures", "Errors of records that no retry undid.", func(t *Task) *atomic.Int64 { return &t.Failures }),
	counter("kafka_connect_task_error_metrics_total_records_skipped", "Records that errors.tolerance let go.", func(t *Task) *atomic.Int64 { return &t.Skipped }),
	counter("kafka_connect_task_error_metrics_total_retries", "Operations that were repeated.", func(t *Task) *atomic.Int64 { return &t.Retries }),
	counter("kafka_connect_task_error_metrics_total_errors_logged", "Log lines about records.", func(t *Task) *atomic.Int64 { return &t.Logged }),
	counter("kafka_connect_task_error_metrics_deadletterqueue_produce_requests", "Records written to the error topic.", func(t *Task) *atomic.Int64 { return &t.ErrorRecords }),
	gauge("kafka_connect_task_error_metrics_last_error_timestamp", "When the last error happened, in milliseconds since the epoch.", func(t *Task) *atomic.Int64 { return &t.LastError }),

	counter("connectd_task_records_dropped_total", "Records that the chain let go.", func(t *Task) *atomic.Int64 { return &t.Dropped }),
	counter("connectd_task_records_late_total", "Records, or parts of them, that came after their window closed.", func(t *Task) *atomic.Int64 { return &t.Late }),
	counter("connectd_task_commits_total", "Commits.", func(t *Task) *atomic.Int64 { return &t.Commits }),
	counter("connectd_task_commit_failures_total", "Commits that failed.", func(t *Task) *atomic.Int64 { return &t.CommitFailures }),
	seconds("connectd_task_commit_seconds_total", "Time spent in commits.", prometheus.CounterValue, func(t *Task) *atomic.Int64 { return &t.CommitNanos }),
	seconds("connectd_task_commit_seconds_max", "The longest commit.", prometheus.GaugeValue, func(t *Task) *atomic.Int64 { return &t.CommitMaxNanos }),
	seconds("connectd_task_poll_seconds_total", "Time spent in polls that gave records.", prometheus.CounterValue, func(t *Task) *atomic.Int64 { return &t.PollNanos }),
	seconds("connectd_task_put_seconds_total", "Time spent in puts.", prometheus.CounterValue, func(t *Task) *atomic.Int64 { return &t.PutNanos }),
}
