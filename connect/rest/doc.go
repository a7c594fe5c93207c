// SPDX-License-Identifier: Apache-2.0

// Package rest is the admin API: Kafka Connect's REST contract over HTTP.
//
// A request meets, in this order: the check of its Host and Origin, the size limit,
// the table of routes, the check of its content types, its handler, and answer, the one
// place that turns results and errors into bodies and status codes. Handlers know HTTP
// and the Herder's operations, and nothing of how those work.
package rest
