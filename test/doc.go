// SPDX-License-Identifier: Apache-2.0

// Package test holds the tests of the whole daemon: a real process, driven over
// REST, on its embedded broker or on a Kafka cluster, judged by what a
// read-committed consumer sees. See harness for how they look at it.
package test
