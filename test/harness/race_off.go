// SPDX-License-Identifier: Apache-2.0

//go:build !race

package harness

// raceEnabled says that the tests run with the race detector; so does the daemon then.
const raceEnabled = false
