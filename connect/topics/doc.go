// SPDX-License-Identifier: Apache-2.0

// Package topics keeps the three internal topics of a worker, in Kafka Connect's
// format: the config topic, the offsets topic and the status topic.
//
// Each is a compacted topic that is read from its beginning when the worker starts
// and followed from then on. A write is done when it has been read back, so what a
// reader sees is what the topic holds, never what somebody meant to write. Config and
// status writes go through producers of their own; offsets are written by the tasks,
// within their transactions, with the bytes that this package gives them.
package topics
