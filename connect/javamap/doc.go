// SPDX-License-Identifier: Apache-2.0

// Package javamap puts entries into the order of a java.util.HashMap, in which the
// originals write offset keys, counts of tables, hstore values and notifications.
package javamap
