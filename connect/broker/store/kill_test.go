// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
)

const childRole = "CONNECTD_STORE_CHILD"

func runChild(role string) int { return 2 }

// kills is the number of kills of the crash tests: 20, or CONNECTD_KILLS.
func kills(t testing.TB) int {
	t.Helper()
	text := os.Getenv("CONNECTD_KILLS")
	if text == "" {
		return 20
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("CONNECTD_KILLS=%s is not a positive number", text)
	}
	return n
}

// modelRuns returns the seeds of the model test: as many as kills, new ones each
// time, or the one in CONNECTD_SEED.
func modelRuns(t testing.TB) (seeds []uint64, steps int) {
	t.Helper()
	if text := os.Getenv("CONNECTD_SEED"); text != "" {
		seed, err := strconv.ParseUint(text, 10, 64)
		must(t, err)
		return []uint64{seed}, 400
	}
	for range kills(t) {
		seeds = append(seeds, rand.Uint64N(1_000_000))
	}
	return seeds, 400
}
