// SPDX-License-Identifier: Apache-2.0

// Package group coordinates groups of clients by Kafka's classic group
// protocol: consumers, workers of a connect cluster, or any other protocol type.
//
// # The life of a generation
//
// A member asks to join. The first join, a changed subscription, a leaving or a
// silent member begin a rebalance: the group prepares, every member learns from
// its heartbeat that it has to join again, and its join waits. When all members
// have joined, or the longest rebalance time-out among them has passed and those
// that did not come are removed, the next generation begins: the coordinator
// selects the protocol that all support and most prefer, and answers the waiting
// joins. The leader among the members receives everybody's metadata, works out
// the assignments and hands them in with its sync; the syncs of the others wait
// for it. From then on the generation is stable until something changes.
//
// A member that does not send a heartbeat within its session time-out is
// removed. A member with an instance id is static: when its client starts again,
// it takes its place back without a rebalance, and the former client is fenced.
//
// Offsets are not kept here. Who wants to store some for a group does so inside
// [Coordinator.Commit], which lets only members of the current generation pass
// and holds the generation still meanwhile.
//
// Membership lives in memory: after a restart of the broker members are unknown
// and join anew. Time passes only in [Coordinator.Tick].
package group
