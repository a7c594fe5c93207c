// SPDX-License-Identifier: Apache-2.0

// Package harness runs the real daemon as a child process and looks at it from
// outside: through REST, and through a Kafka client that is not the daemon's own.
//
// A test starts a Daemon on a data directory, posts connectors, kills it or stops
// it, starts it again on the same directory, and compares what a read-committed
// consumer sees with what it ought to see. With CONNECTD_TEST_KAFKA set to the
// address of a Kafka broker, every daemon uses that cluster, under names of its own,
// instead of its embedded broker: the same tests run against both.
package harness
