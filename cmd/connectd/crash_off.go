// SPDX-License-Identifier: Apache-2.0

//go:build !crashpoints

package main

// crashPoint is nil: only binaries that are built for crash tests have one.
func crashPoint() func(point string) { return nil }
