// SPDX-License-Identifier: Apache-2.0

// Package process runs connectd as a process of its own and talks to it: for the
// demonstration, the measurements and the tests, which all judge the daemon from outside.
package process
