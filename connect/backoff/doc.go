// SPDX-License-Identifier: Apache-2.0

// Package backoff waits between attempts, as long as there is somebody to wait for. How
// long, and how often, is each caller's own rule.
package backoff
