// SPDX-License-Identifier: Apache-2.0

// Package metrics counts what the daemon does and shows it to Prometheus.
//
// Each task has a Task: a handful of atomic counters that the road adds to once per
// batch. Nothing is sampled or averaged here; a scrape reads the counters as they
// are and turns them into the one table of metrics in table.go, whose names are
// those under which Kafka Connect's metrics are usually known to Prometheus.
package metrics
