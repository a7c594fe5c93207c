// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/transforms/cartjoin"
)

// firehose is a source that returns the same lines again and again, as fast as it
// is asked, until it has returned n.
type firehose struct {
	topic string
	lines [][]byte
	n     int
	json  bool
	next  int
	done  chan struct{}
	dec   convert.Decoder
}

func (f *firehose) Start(context.Context, connect.SourceTaskContext) error { return nil }

func (f *firehose) Poll(ctx context.Context, b *connect.Batch) error {
	if f.next == f.n {
		<-ctx.Done()
		return nil
	}
	for f.next < f.n && !b.Full() {
		line := f.lines[f.next%len(f.lines)]
		r := b.Add(len(line))
		f.next++
		r.Topic, r.RawValue, r.Pos[0] = f.topic, line, int64(f.next)
		if !f.json {
			r.Value = connect.StringOf(line)
			continue
		}
		if r.Value, r.Err = f.dec.Decode(&b.Arena, line); r.Err != nil {
			return r.Err
		}
	}
	return nil
}

func (f *firehose) Position(b *connect.Batch, i int) connect.Position {
	return position(b.Records[i].Pos[0])
}

func (f *firehose) Commit(_ context.Context, ps []connect.Position) error {
	if v, _ := ps[0].Offset.Get("position"); v.Int() == int64(f.n) {
		close(f.done)
	}
	return nil
}

func (f *firehose) Stop(context.Context) error { return nil }

func benchRoad(b *testing.B, f *firehose, config map[string]string, plugins func(p *connect.Plugins)) {
	w := newWorld(b, config)
	f.topic, f.n, f.done = w.create("out", 1, nil), b.N, make(chan struct{})
	o := w.options()
	o.Plugins.Sources[0].NewTask = func() connect.SourceTask { return f }
	if plugins != nil {
		plugins(o.Plugins)
	}
	o.StateDir = b.TempDir()
	task, err := NewTask(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	b.ReportAllocs()
	b.ResetTimer()
	go func() { ended <- task.Run(ctx) }()
	select {
	case <-f.done:
	case err := <-ended:
		b.Fatal(err)
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(b.N)/float64(w.metrics.Commits.Load()), "records/commit")
}

func hundredBytes() [][]byte {
	var lines [][]byte
	for i := range 1000 {
		lines = append(lines, fmt.Appendf(nil, "%099d", i))
	}
	return lines
}

func BenchmarkStrings(b *testing.B) { benchRoad(b, &firehose{lines: hundredBytes()}, nil, nil) }

func BenchmarkCartJoin(b *testing.B) {
	var lines [][]byte
	for i := range 100_000 {
		kind := "order"
		if i%2 == 1 {
			kind = "payment"
		}
		lines = append(lines, fmt.Appendf(nil, `{"user_id": "user-%d", "type": "%s", "order_id": %d}`, i/2%10_000, kind, i/20_000))
	}
	config := map[string]string{
		"transforms": "join", "transforms.join.type": "CartJoin",
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
	}
	benchRoad(b, &firehose{lines: lines, json: true}, config, func(p *connect.Plugins) { p.Transforms = append(p.Transforms, cartjoin.Plugin()) })
}

// BenchmarkOneRecord is the time from a record that the connector has to the commit
// that makes it visible, when nothing else flows.
func BenchmarkOneRecord(b *testing.B) {
	w := newWorld(b, nil)
	out := w.create("out", 1, nil)
	told := make(chan int64, 1)
	w.source.told = func(at int64) { told <- at }
	w.run()
	w.source.add(text(out, "first"))
	<-told
	b.ResetTimer()
	for range b.N {
		w.source.add(text(out, "one"))
		<-told
	}
}
