// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect/kafka"
)

// The consumer protocol: what members of a group of protocol type "consumer" tell
// each other. Version 0 of it is understood by all of them.

// rangeProtocol is the name of the assignment that gives each member a range of the
// partitions of each topic, and so partition n of all topics to the same member.
const rangeProtocol = "range"

var errProtocol = errors.New("a member of the group speaks another consumer protocol")

// appendSubscription encodes the topics that a member wants.
func appendSubscription(b []byte, topics []string) []byte {
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(topics)))
	for _, t := range topics {
		b = appendShort(b, t)
	}
	return binary.BigEndian.AppendUint32(b, ^uint32(0)) // no user data
}

func appendShort(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

// cursor reads the protocol; it is bad after the first field that is not there.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	out := c.b[:n]
	c.b = c.b[n:]
	return out
}

func (c *cursor) int16() int {
	if b := c.take(2); b != nil {
		return int(int16(binary.BigEndian.Uint16(b)))
	}
	return 0
}

func (c *cursor) int32() int32 {
	if b := c.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (c *cursor) short() string { return string(c.take(c.int16())) }

// parseSubscription returns the topics that a member wants. Later versions add to the
// end, which is left alone.
func parseSubscription(b []byte) ([]string, error) {
	c := cursor{b: b}
	c.int16()
	var topics []string
	for n := c.int32(); n > 0 && !c.bad; n-- {
		topics = append(topics, c.short())
	}
	if c.bad {
		return nil, errProtocol
	}
	return topics, nil
}

// appendAssignment encodes partitions by topic.
func appendAssignment(b []byte, byTopic map[string][]int32) []byte {
	b = binary.BigEndian.AppendUint16(b, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(byTopic)))
	for topic, partitions := range byTopic {
		b = appendShort(b, topic)
		b = binary.BigEndian.AppendUint32(b, uint32(len(partitions)))
		for _, p := range partitions {
			b = binary.BigEndian.AppendUint32(b, uint32(p))
		}
	}
	return binary.BigEndian.AppendUint32(b, ^uint32(0))
}

// parseAssignment returns the partitions that a member got, sorted.
func parseAssignment(b []byte) ([]kafka.TopicPartition, error) {
	if len(b) == 0 {
		return nil, nil
	}
	c := cursor{b: b}
	c.int16()
	var out []kafka.TopicPartition
	for n := c.int32(); n > 0 && !c.bad; n-- {
		topic := c.short()
		for m := c.int32(); m > 0 && !c.bad; m-- {
			out = append(out, kafka.TopicPartition{Topic: topic, Partition: c.int32()})
		}
	}
	if c.bad {
		return nil, errProtocol
	}
	slices.SortFunc(out, compareTopicPartitions)
	return out, nil
}

func compareTopicPartitions(a, b kafka.TopicPartition) int {
	if c := strings.Compare(a.Topic, b.Topic); c != 0 {
		return c
	}
	return int(a.Partition - b.Partition)
}

// assignRanges makes everyone's assignment: of each topic, the members that want it
// get ranges of nearly equal length, in the order of their ids.
func assignRanges(members map[string][]byte, partitions func(topic string) int32) (map[string][]byte, error) {
	wanted := map[string][]string{} // members by topic
	given := make(map[string]map[string][]int32, len(members))
	for id, metadata := range members {
		topics, err := parseSubscription(metadata)
		if err != nil {
			return nil, err
		}
		given[id] = map[string][]int32{}
		for _, t := range topics {
			wanted[t] = append(wanted[t], id)
		}
	}
	for topic, ids := range wanted {
		slices.Sort(ids)
		n, m := int(partitions(topic)), len(ids)
		at := 0
		for i, id := range ids {
			size := n / m
			if i < n%m {
				size++
			}
			for range size {
				given[id][topic] = append(given[id][topic], int32(at))
				at++
			}
		}
	}
	out := make(map[string][]byte, len(given))
	for id, byTopic := range given {
		out[id] = appendAssignment(nil, byTopic)
	}
	return out, nil
}
