// SPDX-License-Identifier: Apache-2.0

// Package broker is the embedded Kafka broker: a single node that any Kafka
// client can talk to over TCP, not replicated, with all its data in one
// directory kept by package store.
//
// # The life of a request
//
// A connection is served by one goroutine. It reads the size of the next
// request, refuses what is too large before a byte of it is kept, reads the
// request into a pooled buffer and finds the API by key and version in the table
// of apis.go. What clients are told about supported versions is that same table.
// The requests of a connection are answered in the order they came, as Kafka
// does; a fetch or a join that waits holds up its own connection only.
//
// Produce and Fetch are decoded and encoded by hand: a record batch is copied
// once from the request into the log, and once from the log into the buffer that
// is handed to the socket. Everything else goes through the codecs of kmsg and a
// small handler, one file for each family of requests. A handler asks the store
// or the group coordinator; errors.go turns what they answer into protocol codes.
//
// # Durability
//
// With acks=all a produce request without transaction is answered when its
// batches are on stable storage; readers see them before that. Batches of a
// transaction are answered when they are in the log's buffer: the end of the
// transaction is what makes them durable, and visible to read-committed readers,
// in one step. acks=1 waits until the operating system has the batches, acks=0
// for nothing. Offset commits and topic changes wait for stable storage.
//
// # Bounds
//
// Requests are at most 100 MiB (8 MiB for those other than Produce), responses
// to Fetch about 32 MiB, connections 1,000 in all; idle ones are closed after ten
// minutes. Large requests share a budget of memory. Before kmsg decodes a flexible
// version, the request is walked along its layout: one that announces more array
// elements or tagged fields than it has is refused. Offsets of groups without
// members are kept seven days.
//
// # Failing
//
// When the store fails, requests are answered with KAFKA_STORAGE_ERROR and
// [Broker.Failed] is closed: the owner is expected to end the process.
package broker
