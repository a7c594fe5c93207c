// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect/kafka"
)

// groupTimeout is how long telling the group may take.
const groupTimeout = 10 * time.Second

// groupTeller commits to the group of the topic's original reader how far the signals are
// that are safe: in a committed offset of the connector. Nothing here depends on it, but
// Debezium goes on there if it takes over, lag of the group can be watched, and a connector
// whose offsets were deleted does not obey old signals again.
type groupTeller struct {
	group string
	log   *slog.Logger
	// safe has the newest place that is in a committed offset.
	safe <-chan topicPlace
}

// run tells until ctx ends. A place that cannot be told is told with the next.
func (g *groupTeller) run(ctx context.Context, cluster *kafka.Cluster) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-g.safe:
			if err := g.tell(ctx, cluster, p); err != nil && ctx.Err() == nil {
				g.log.Warn("the group of the topic of signals cannot be told how far they are; nothing is lost", "topic", p.Topic, "group", g.group, "error", err)
			}
		}
	}
}

func (g *groupTeller) tell(ctx context.Context, cluster *kafka.Cluster, p topicPlace) error {
	ctx, cancel := context.WithTimeout(ctx, groupTimeout)
	defer cancel()
	at := kafka.TopicOffset{TopicPartition: kafka.TopicPartition{Topic: p.Topic}, Offset: p.Next}
	return cluster.CommitOffsets(ctx, kafka.Memberless(g.group), []kafka.TopicOffset{at})
}

// topicSafe notes that a place of the topic is in a committed offset. It may be called
// from any goroutine, and replaces a place that has not been told.
func (d *signalDesk) topicSafe(p *channelPlaces) {
	if p == nil || p.Kafka == (topicPlace{}) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.safeTopic == nil || p.Kafka == d.toldTopic {
		return
	}
	d.toldTopic = p.Kafka
	select {
	case <-d.safeTopic: // an older one
	default:
	}
	d.safeTopic <- p.Kafka
}

// topicPlaces is the channel of topicSafe, which has room for one place.
func (d *signalDesk) topicPlaces() <-chan topicPlace {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.safeTopic == nil {
		d.safeTopic = make(chan topicPlace, 1)
	}
	return d.safeTopic
}
