// SPDX-License-Identifier: Apache-2.0

// Package runtime runs one task: input, stages, output, with one commit.
package runtime
