// SPDX-License-Identifier: Apache-2.0

// Package referee runs the same SQL through real Debezium and through connectd, side
// by side on one PostgreSQL server, and compares all that both write, record by
// record, schemas included. It needs java: `make test-referee` starts the peers.
//
// A scenario (scenarios_*_test.go) is SQL and connector settings. Each gets a
// database, two slots and two connectors of the same name and prefix, so that the
// texts of both sides can be compared as they are. What cannot be equal is masked in
// mask_test.go and nowhere else; where connectd differs on purpose, the scenario says
// so with a reason, and connectors/postgrescdc/README.md has the same line.
//
// takeover_test.go has both systems as workers of one Kafka cluster, with one connector
// that goes from one to the other and back under load. docs/referee.md says more.
package referee
