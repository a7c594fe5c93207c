// SPDX-License-Identifier: Apache-2.0

// Package schemaregistry is the client of a schema registry that speaks Confluent's
// protocol: the embedded one in package server, or any other.
//
// The requests are those of the client library srclient. What that lacks is around it: a
// context for every call, several URLs, time-outs, TLS, bounds on answers, errors that
// tell what may pass by itself, and secrets that stay out of errors and logs. It caches
// nothing: who uses schemas keeps what it made of them.
package schemaregistry
