// SPDX-License-Identifier: Apache-2.0

// Package spool keeps what a server sends of transactions that are still in progress,
// until they commit or abort.
//
// Each transaction is a sequence of frames. Small ones stay in memory, as long as all of
// them together stay within a bound; the rest of it lies in one file for each
// transaction, in a folder that only the owner can read. One file is open at a time,
// however many transactions there are. Nothing survives the process: a server sends
// again what had not committed, so that nothing is synced, and what a dead process has
// left behind is removed by the next.
//
// A frame on disk is a header of 20 bytes, in big-endian order, and its data: length of
// the data, subtransaction, LSN, and the CRC-32C of all of it but itself.
package spool
