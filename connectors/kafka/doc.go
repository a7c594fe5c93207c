// SPDX-License-Identifier: Apache-2.0

// Package kafka connects Kafka topics: a source that reads topics of the worker's own
// cluster or of another one, and a sink that writes to another cluster or back.
//
// The life of a record in the source: the connector lists the topics and gives
// partition n of all of them to task n modulo the number of tasks, since records that
// meet in state must meet in one task. A task fetches whole committed batches and hands
// out keys, values and headers as the bytes they are; the engine decodes them if the
// configuration names converters. The position is the offset of the record, stored
// as MirrorMaker stores it, and committed also to the group connect-<name> when the
// topics are of the own cluster. Where the engine writes to that cluster too, input
// offsets and output are one transaction: a stream job.
package kafka
