// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"os"
	"time"

	"github.com/connectd/connectd/connect"
)

// version is the release of the original whose settings and offsets are understood.
const version = "4.3.1"

// SourcePlugin introduces the source under the name of the original's.
func SourcePlugin() connect.SourcePlugin {
	return connect.SourcePlugin{
		PluginInfo: connect.PluginInfo{
			Class:   "org.apache.kafka.connect.file.FileStreamSourceConnector",
			Aliases: []string{"FileSource"},
			Version: version,
			Doc:     "Reads the lines of a file, of all files of a pattern, or of the standard input.",
			Config:  sourceKeys,
		},
		New:         func() connect.Connector { return &planner{single: func(connect.Config) bool { return true }} },
		NewTask:     func() connect.SourceTask { return newSourceTask(time.Now) },
		CheckOffset: checkOffset,
	}
}

// SinkPlugin introduces the sink under the name of the original's.
func SinkPlugin() connect.SinkPlugin {
	return connect.SinkPlugin{
		PluginInfo: connect.PluginInfo{
			Class:    "org.apache.kafka.connect.file.FileStreamSinkConnector",
			Aliases:  []string{"FileSink"},
			Version:  version,
			Doc:      "Appends each record to a file, or to the standard output, as a line.",
			Config:   sinkKeys,
			Validate: checkSink,
		},
		New: func() connect.Connector {
			return &planner{single: func(c connect.Config) bool { return c.Bool(exactlyOnceKey) }}
		},
		NewTask: func() connect.SinkTask { return &sinkTask{stdout: os.Stdout} },
	}
}

// planner gives each task the connector's own configuration.
type planner struct {
	single func(connect.Config) bool // one task, whatever tasks.max says
	config connect.Config
}

// Start remembers the configuration.
func (p *planner) Start(_ context.Context, c connect.ConnectorContext) error {
	p.config = c.Config
	return nil
}

// Tasks returns one configuration, or as many as are allowed.
func (p *planner) Tasks(_ context.Context, most int) ([]map[string]string, error) {
	if p.single(p.config) {
		most = 1
	}
	tasks := make([]map[string]string, most)
	for i := range tasks {
		tasks[i] = p.config.Raw()
	}
	return tasks, nil
}

// Stop has nothing to do.
func (p *planner) Stop(context.Context) error { return nil }
