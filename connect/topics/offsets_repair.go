// SPDX-License-Identifier: Apache-2.0

package topics

import (
	"context"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// Aborted returns, of these source partitions, the committed positions whose newest
// record in the topic was aborted. A worker of the original without exactly-once reads
// uncommitted records, and would take that record for the truth. It reads the topic
// from the oldest of the committed records on.
func (s *Offsets) Aborted(ctx context.Context, connector string, partitions []connect.Value) ([]connect.Position, error) {
	wanted, from := s.committed(connector, partitions)
	if len(wanted) == 0 {
		return nil, nil
	}
	var read []int32
	for p := range from {
		read = append(read, p)
	}
	newest := make(map[string]int64, len(wanted))
	_, err := s.log.o.Cluster.ReplayUncommitted(ctx, s.log.o.Topic, read, from, func(p int32, r *kafka.Record) error {
		if o := wanted[string(r.Key)]; o != nil && o.partition == p {
			newest[string(r.Key)] = r.Offset
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for aborted offsets: %w", err)
	}
	var out []connect.Position
	for key, o := range wanted {
		if newest[key] > o.at {
			out = append(out, connect.Position{Partition: o.source, Offset: o.offset})
		}
	}
	return out, nil
}

// committed returns what is stored of these source partitions by key, and where to
// begin to read each partition of the topic.
func (s *Offsets) committed(connector string, partitions []connect.Value) (wanted map[string]*storedOffset, from map[int32]int64) {
	wanted, from = map[string]*storedOffset{}, map[int32]int64{}
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, p := range partitions {
		o := s.stored[connector][meaning(p)]
		if o == nil || o.offset.IsNull() {
			continue
		}
		wanted[string(o.key)] = o
		if at, ok := from[o.partition]; !ok || o.at < at {
			from[o.partition] = o.at
		}
	}
	return wanted, from
}
