// SPDX-License-Identifier: Apache-2.0

//go:build !linux || arm

package store

import "os"

// writeOut does nothing: the next sync writes everything.
func writeOut(*os.File, int64, int64) {}
