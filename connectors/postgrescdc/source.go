// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"maps"
	"time"

	"github.com/connectd/connectd/connect"
)

// Plugin introduces the connector. It has one task, whatever tasks.max says: a
// replication slot is one stream.
func Plugin() connect.SourcePlugin {
	return connect.SourcePlugin{
		PluginInfo:  pluginInfo(),
		New:         func() connect.Connector { return &source{} },
		NewTask:     func() connect.SourceTask { return &task{} },
		CheckOffset: checkOffset,
		Probe:       Probe,
	}
}

// source plans the one task.
type source struct{ props map[string]string }

// Start keeps the configuration.
func (s *source) Start(_ context.Context, c connect.ConnectorContext) error {
	s.props = c.Config.Raw()
	return nil
}

// Tasks returns the configuration of the connector for its one task.
func (s *source) Tasks(context.Context, int) ([]map[string]string, error) {
	return []map[string]string{maps.Clone(s.props)}, nil
}

// Stop has nothing to end.
func (s *source) Stop(context.Context) error { return nil }

// checkOffset refuses what a task could not begin at.
func checkOffset(p connect.Position) error {
	if _, ok := p.Partition.Get(memberServer); !ok {
		return fmt.Errorf("check offset: the partition must be {%q: topic.prefix}", memberServer)
	}
	if p.Offset.IsNull() {
		return nil
	}
	_, err := parseOffset(p.Offset)
	return err
}

// runID names one run of a task: a UUID of version 7, so that later ones sort behind
// earlier ones.
func runID(now time.Time) string {
	var b [16]byte
	_, _ = rand.Read(b[6:]) // never fails
	binary.BigEndian.PutUint64(b[:8], uint64(now.UnixMilli())<<16|uint64(b[6])<<8|uint64(b[7]))
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
