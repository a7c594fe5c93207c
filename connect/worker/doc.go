// SPDX-License-Identifier: Apache-2.0

// Package worker runs connectors: it is the herder of Kafka Connect.
//
// What ought to run stands in the config topic. Each connector has a goroutine of
// its own, which compares what ought to be with what is: it starts the connector, asks
// it for its tasks, writes their configurations, fences the producers of the set
// before, starts the tasks, and tells the status topic. It wakes when the config topic
// says something new of its connector, when a task ends, when an operator asks for a
// restart, and when an automatic restart is due. Nothing that happens to one connector
// makes another one wait.
//
// Operations of the administration validate, write to the config topic, and leave
// the rest to that goroutine, so that what they do survives the worker. Worker is the
// only member of its group for now; the operations are what a group of workers would
// forward to the owner.
package worker
