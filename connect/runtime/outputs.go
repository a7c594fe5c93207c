// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// directory knows the topics that a task writes to. A target is one partition of
// one of them, under a number that stays for the life of the task.
type directory struct {
	topics  map[string]*outputTopic
	old     map[string]*outputTopic // as they were before they were looked up anew
	looked  time.Time               // when topics was empty last
	last    *outputTopic            // records of one topic usually come in a row
	targets []kafka.TopicPartition
}

// outputTopic is one topic that the task writes to.
type outputTopic struct {
	name    string
	targets []int32 // by partition; -1 for one that was not written yet
	// limit is the largest record that the topic takes, in bytes.
	limit int
	// sticky is where records without key and partition go, until the next unit.
	sticky uint32
}

// target returns the number of a partition of the topic.
func (d *directory) target(t *outputTopic, partition int32) int32 {
	if n := t.targets[partition]; n >= 0 {
		return n
	}
	n := int32(len(d.targets))
	d.targets = append(d.targets, kafka.TopicPartition{Topic: t.name, Partition: partition})
	t.targets[partition] = n
	return n
}

// add makes a topic known.
func (d *directory) add(name string, partitions int32, limit int) *outputTopic {
	t := &outputTopic{name: name, targets: make([]int32, partitions), limit: limit}
	for i := range t.targets {
		t.targets[i] = -1
	}
	if d.topics == nil {
		d.topics = map[string]*outputTopic{}
	}
	if old := d.old[name]; old != nil {
		copy(t.targets, old.targets)
	}
	d.topics[name] = t
	return t
}

// partition chooses where a record goes: the partition that it asks for, that of
// its key's bytes, or the one that is this unit's for records without either.
func (t *outputTopic) partition(asked int32, key []byte) (int32, bool) {
	n := int32(len(t.targets))
	switch {
	case asked != connect.NoPartition:
		return asked, asked >= 0 && asked < n
	case key != nil:
		return kafka.PartitionFor(key, n), true
	default:
		return int32(t.sticky % uint32(n)), true
	}
}

// turn is called between units: records without keys go on to another partition, and
// topics are looked up anew when what is known of them is older than maxAge, since
// they may have grown.
func (d *directory) turn(now time.Time, maxAge time.Duration) {
	if now.Sub(d.looked) >= maxAge {
		d.old, d.topics, d.last, d.looked = d.topics, nil, nil, now
		return
	}
	for _, t := range d.topics {
		t.sticky++
	}
}
