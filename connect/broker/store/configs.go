// SPDX-License-Identifier: Apache-2.0

package store

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ConfigKey is a topic configuration that the store knows.
type ConfigKey struct {
	Name string
	// Type is "long", "int", "double", "boolean", "list" or "string".
	Type string
	// Default is the value in force when the key is not set.
	Default string
	Doc     string
	// Effective is false for keys of Kafka that are accepted and described but
	// have no meaning for a single node with one log.
	Effective bool

	check func(string) bool
	rule  string
}

// maxBatchLimit bounds max.message.bytes.
const maxBatchLimit = 100 << 20

// ConfigKeys lists the topic configurations, sorted by name.
func (s *Store) ConfigKeys() []ConfigKey { return slices.Clone(s.configKeys) }

func configKeys(o Options) []ConfigKey {
	ms := func(d time.Duration) string { return strconv.FormatInt(max(d.Milliseconds(), -1), 10) }
	whole := func(low, high int64) func(string) bool {
		return func(v string) bool {
			n, err := strconv.ParseInt(v, 10, 64)
			return err == nil && n >= low && n <= high
		}
	}
	oneOf := func(values ...string) func(string) bool {
		return func(v string) bool { return slices.Contains(values, v) }
	}
	ratio := func(v string) bool {
		f, err := strconv.ParseFloat(v, 64)
		return err == nil && f >= 0 && f <= 1
	}
	all := int64(math.MaxInt64)
	keys := []ConfigKey{
		{"cleanup.policy", "list", "delete", "delete old batches, keep the newest record of each key, or both", true,
			validPolicy, "delete, compact or compact,delete"},
		{"retention.ms", "long", ms(o.Retention), "age at which batches are deleted, -1 for never; not used by topics that are only compacted", true,
			whole(-1, all), "a whole number of at least -1"},
		{"retention.bytes", "long", strconv.FormatInt(max(o.RetentionBytes, -1), 10), "size of a partition above which its oldest batches are deleted, -1 for no bound", true,
			whole(-1, all), "a whole number of at least -1"},
		{"delete.retention.ms", "long", ms(o.DeleteRetention), "time that a tombstone stays after the first cleaning that met it", true,
			whole(0, all), "a whole number of at least 0"},
		{"min.cleanable.dirty.ratio", "double", "0.5", "share of not yet cleaned bytes from which a compacted partition is cleaned", true,
			ratio, "a number from 0 to 1"},
		{"min.compaction.lag.ms", "long", "0", "age below which a record is not removed by cleaning", true,
			whole(0, all), "a whole number of at least 0"},
		{"max.message.bytes", "int", strconv.Itoa(int(o.MaxBatchBytes)), "largest batch that is accepted", true,
			whole(0, maxBatchLimit), "a whole number from 0 to " + strconv.Itoa(maxBatchLimit)},
		{"compression.type", "string", "producer", "batches are kept as the producer compressed them", false,
			oneOf("producer"), "producer (batches are kept as they come)"},
		{"message.timestamp.type", "string", "CreateTime", "record timestamps are the producer's", false,
			oneOf("CreateTime"), "CreateTime"},
	}
	keys = append(keys, acceptedKeys(whole, oneOf)...)
	slices.SortFunc(keys, func(a, b ConfigKey) int { return strings.Compare(a.Name, b.Name) })
	return keys
}

// acceptedKeys are valid in Kafka, set by its tools, and mean nothing here.
func acceptedKeys(whole func(int64, int64) func(string) bool, oneOf func(...string) func(string) bool) []ConfigKey {
	const doc = "accepted for compatibility, without effect"
	all := int64(math.MaxInt64)
	number := func(name, typ, def string, low int64) ConfigKey {
		return ConfigKey{name, typ, def, doc, false, whole(low, all), "a whole number of at least " + strconv.FormatInt(low, 10)}
	}
	boolean := func(name, def string) ConfigKey {
		return ConfigKey{name, "boolean", def, doc, false, oneOf("true", "false"), "true or false"}
	}
	anything := func(string) bool { return true }
	return []ConfigKey{
		number("segment.bytes", "int", "67108864", 1),
		number("segment.ms", "long", "604800000", 1),
		number("segment.jitter.ms", "long", "0", 0),
		number("segment.index.bytes", "int", "10485760", 4),
		number("index.interval.bytes", "int", "4096", 0),
		number("min.insync.replicas", "int", "1", 1),
		number("flush.messages", "long", "9223372036854775807", 1),
		number("flush.ms", "long", "9223372036854775807", 0),
		number("file.delete.delay.ms", "long", "60000", 0),
		number("max.compaction.lag.ms", "long", "9223372036854775807", 1),
		number("message.timestamp.before.max.ms", "long", "9223372036854775807", 0),
		number("message.timestamp.after.max.ms", "long", "9223372036854775807", 0),
		boolean("unclean.leader.election.enable", "false"),
		boolean("preallocate", "false"),
		{"leader.replication.throttled.replicas", "list", "", doc, false, anything, ""},
		{"follower.replication.throttled.replicas", "list", "", doc, false, anything, ""},
	}
}

func validPolicy(v string) bool {
	for p := range strings.SplitSeq(v, ",") {
		if p = strings.TrimSpace(p); p != "delete" && p != "compact" {
			return false
		}
	}
	return true
}

// CheckConfigs returns InvalidConfig with key, value and rule for the first key,
// by name, that is unknown or has a bad value.
func (s *Store) CheckConfigs(configs map[string]string) error {
	names := make([]string, 0, len(configs))
	for name := range configs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := slices.IndexFunc(s.configKeys, func(k ConfigKey) bool { return k.Name == name })
		if i < 0 {
			return errorf(CodeInvalidConfig, "unknown topic config name: %s (nearest: %s)", name, s.nearestKey(name))
		}
		if k := s.configKeys[i]; !k.check(configs[name]) {
			return errorf(CodeInvalidConfig, "invalid value %s for configuration %s: must be %s", configs[name], name, k.rule)
		}
	}
	return nil
}

// nearestKey finds the known key that shares the longest prefix and suffix with
// name.
func (s *Store) nearestKey(name string) string {
	best, score := "", -1
	for _, k := range s.configKeys {
		n := 0
		for n < len(name) && n < len(k.Name) && name[n] == k.Name[n] {
			n++
		}
		m := 0
		for m < len(name)-n && m < len(k.Name)-n && name[len(name)-1-m] == k.Name[len(k.Name)-1-m] {
			m++
		}
		if n+m > score {
			best, score = k.Name, n+m
		}
	}
	return best
}

// policy is the parsed form of a topic's configs.
type policy struct {
	del, compact    bool
	retentionMs     int64
	retentionBytes  int64
	deleteRetention int64
	compactionLag   int64
	dirtyRatio      float64
	maxBatch        int
}

func (s *Store) parsePolicy(configs map[string]string) policy {
	get := func(name string) string {
		if v, ok := configs[name]; ok {
			return v
		}
		i := slices.IndexFunc(s.configKeys, func(k ConfigKey) bool { return k.Name == name })
		return s.configKeys[i].Default
	}
	// The values were checked before they were stored: a parse cannot fail.
	num := func(name string) int64 { n, _ := strconv.ParseInt(get(name), 10, 64); return n }
	ratio, _ := strconv.ParseFloat(get("min.cleanable.dirty.ratio"), 64)
	cleanup := get("cleanup.policy")
	return policy{
		del:             strings.Contains(cleanup, "delete"),
		compact:         strings.Contains(cleanup, "compact"),
		retentionMs:     num("retention.ms"),
		retentionBytes:  num("retention.bytes"),
		deleteRetention: num("delete.retention.ms"),
		compactionLag:   num("min.compaction.lag.ms"),
		dirtyRatio:      ratio,
		maxBatch:        int(num("max.message.bytes")),
	}
}
