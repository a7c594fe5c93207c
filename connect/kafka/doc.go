// SPDX-License-Identifier: Apache-2.0

// Package kafka is everything that touches a Kafka cluster, on the request layer of
// the client library: the high-level clients pass every record through channels, at
// several times the cost. Batches and Produce requests are written here, into memory
// that is used again.
//
// A worker has one Cluster for each set of equal Settings. A task's Producer writes
// whole record sets in transactions and knows, when Commit returns, that they are
// committed. A Fetcher reads whole batches of assigned partitions; Replay reads a topic
// to the end that is there. A Member takes part in a group of any protocol type.
//
// The life of a record set: Send notes it; Flush tells the coordinator of new
// partitions, cuts one batch a partition, and sends one request a broker until each
// batch is acknowledged under the sequence number it had from the start; Commit asks
// the coordinator until the outcome is known.
package kafka
