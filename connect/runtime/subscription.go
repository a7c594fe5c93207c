// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// subscription is what a sink reads: named topics, or those that match an expression.
type subscription struct {
	cluster *kafka.Cluster
	names   []string
	regex   *regexp.Regexp
	// partitions of the topics that exist, as seen last.
	partitions map[string]int32
}

func newSubscription(c connect.Config, cluster *kafka.Cluster) (*subscription, error) {
	s := &subscription{cluster: cluster, names: c.List(keyTopics)}
	text := c.String(keyTopicsRegex)
	if (len(s.names) == 0) == (text == "") {
		return nil, connect.ConfigErrors{{Key: keyTopics, Value: fmt.Sprint(s.names), Rule: "exactly one of " + keyTopics + " and " + keyTopicsRegex + " must be set"}}
	}
	if text != "" {
		re, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, connect.ConfigErrors{{Key: keyTopicsRegex, Value: text, Rule: err.Error()}}
		}
		s.regex = re
	}
	return s, nil
}

// refresh looks the topics up and reports whether there are others, or other
// numbers of partitions, than before.
func (s *subscription) refresh(ctx context.Context) (changed bool, err error) {
	names := s.names
	if s.regex != nil {
		all, err := s.cluster.Topics(ctx)
		if err != nil {
			return false, fmt.Errorf("list topics: %w", err)
		}
		names = slices.DeleteFunc(all, func(t string) bool { return !s.regex.MatchString(t) })
	}
	now := make(map[string]int32, len(names))
	for _, t := range names {
		n, err := s.cluster.Refresh(ctx, t)
		if errors.Is(err, kafka.ErrUnknownTopic) {
			continue
		}
		if err != nil {
			return false, err
		}
		now[t] = n
	}
	changed = !maps.Equal(now, s.partitions)
	s.partitions = now
	return changed, nil
}

// complete reports that all named topics exist.
func (s *subscription) complete() bool { return s.regex == nil && len(s.partitions) == len(s.names) }

func (s *subscription) topics() []string { return slices.Sorted(maps.Keys(s.partitions)) }

// most is the largest number of partitions of a topic, and whether all have that many.
func (s *subscription) most() (n int32, equal bool) {
	equal = true
	for _, m := range s.partitions {
		equal = equal && (n == 0 || m == n)
		n = max(n, m)
	}
	return n, equal
}

// member makes the task's member of the consumer group.
func (s *subscription) member(group string, props map[string]string) *kafka.Member {
	o := kafka.MemberOptions{
		Group: group, ProtocolType: "consumer", Instance: props["group.instance.id"],
		SessionTimeout: millisOr(props["session.timeout.ms"], 10*time.Second), RebalanceWindow: millisOr(props["max.poll.interval.ms"], 5*time.Minute),
		Heartbeat: millisOr(props["heartbeat.interval.ms"], 3*time.Second),
	}
	o.Heartbeat = min(o.Heartbeat, o.SessionTimeout/3)
	o.Protocols = []kafka.Protocol{{Name: rangeProtocol, Metadata: func() []byte { return appendSubscription(nil, s.topics()) }}}
	o.Plan = func(_ string, members map[string][]byte) (map[string][]byte, error) {
		return assignRanges(members, func(topic string) int32 { return s.partitions[topic] })
	}
	return s.cluster.NewMember(o)
}

func millisOr(text string, otherwise time.Duration) time.Duration {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n > 0 {
		return time.Duration(n) * time.Millisecond
	}
	return otherwise
}
