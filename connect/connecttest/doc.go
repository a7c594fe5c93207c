// SPDX-License-Identifier: Apache-2.0

// Package connecttest holds the acceptance suites: what a source, a sink or a
// transform must pass to be one. A suite is given a driver, which knows how to work
// the thing under test and the world around it, and runs its cases on fresh ones:
// resume at every position, redelivery, records that cannot be decoded, the end of a
// context in the middle of a call, goroutines that stay behind.
package connecttest
