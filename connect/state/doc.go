// SPDX-License-Identifier: Apache-2.0

// Package state keeps what the steps of one task remember.
package state
