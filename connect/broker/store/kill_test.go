// SPDX-License-Identifier: Apache-2.0

package store

const childRole = "CONNECTD_STORE_CHILD"

func runChild(role string) int { return 2 }
