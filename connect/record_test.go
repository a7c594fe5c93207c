// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestBatchIsFullByRecordsOrBytes(t *testing.T) {
	b := &Batch{MaxRecords: 3, MaxBytes: 100}
	if b.Full() || !b.Empty() {
		t.Error("a new batch is full, or not empty")
	}
	r := b.Add(60)
	if r.Partition != NoPartition || r.Timestamp != NoTimestamp || b.Full() || b.Empty() || b.Bytes() != 60 {
		t.Errorf("after one record: %+v", b)
	}
	b.Add(40)
	if !b.Full() {
		t.Error("a batch with all its bytes is not full")
	}
	b.Reset()
	for range 3 {
		b.Add(1)
	}
	if !b.Full() {
		t.Error("a batch with all its records is not full")
	}
}

func TestResetForgetsEverything(t *testing.T) {
	b := &Batch{MaxRecords: 3, MaxBytes: 100, EndsTransaction: true, Tag: "x"}
	r := b.Add(10)
	r.Topic, r.Err, r.RawValue, r.Value = "t", errors.New("x"), b.Arena.Copy([]byte("raw")), Int8(1)
	b.Progress = append(b.Progress, Position{Partition: Int8(1)})
	b.Reset()
	if !b.Empty() || b.Bytes() != 0 || b.EndsTransaction || b.Tag != nil || b.MaxRecords != 3 || b.MaxBytes != 100 {
		t.Errorf("got %+v", b)
	}
	again := b.Add(0)
	if again.Topic != "" || again.Err != nil || again.RawValue != nil || !again.Value.IsNull() {
		t.Errorf("a record remembers %+v", again)
	}
}

func TestErrors(t *testing.T) {
	cause := errors.New("cause")
	if Retriable(nil) != nil || !IsRetriable(fmt.Errorf("more: %w", Retriable(cause))) || IsRetriable(cause) {
		t.Error("retriable errors are not told from others")
	}
	r := &RetriableError{Err: cause, After: time.Second}
	if r.Error() != "cause" || !errors.Is(r, cause) {
		t.Errorf("got %v", r)
	}
	err := DataErrorf("bad %d: %w", 5, cause)
	var data *DataError
	if !errors.As(err, &data) || err.Error() != "bad 5: cause" || !errors.Is(err, cause) {
		t.Errorf("got %v", err)
	}
	withText := ConfigError{Key: "k", Text: "text", Hint: "hint"}
	if withText.Error() != "text (hint)" {
		t.Errorf("got %s", withText.Error())
	}
}

func TestTimestampTypes(t *testing.T) {
	for typ, want := range map[TimestampType]string{CreateTime: "CreateTime", LogAppendTime: "LogAppendTime", NoTimestampType: "NoTimestampType"} {
		if typ.String() != want {
			t.Errorf("got %s, want %s", typ, want)
		}
	}
}

func TestPluginsAreFoundByName(t *testing.T) {
	info := func(class string, aliases ...string) PluginInfo { return PluginInfo{Class: class, Aliases: aliases} }
	p := Plugins{
		Sources:    []SourcePlugin{{PluginInfo: info("org.a.FileStreamSourceConnector", "FileSource")}},
		Sinks:      []SinkPlugin{{PluginInfo: info("org.a.FileStreamSinkConnector")}},
		Transforms: []TransformPlugin{{PluginInfo: info("org.a.Cast$Key")}, {PluginInfo: info("org.a.Cast$Value")}},
		Predicates: []PredicatePlugin{{PluginInfo: info("org.a.HasHeaderKey")}},
		Converters: []ConverterPlugin{{PluginInfo: info("org.a.JsonConverter", "json")}},
	}
	for _, name := range []string{"org.a.FileStreamSourceConnector", "FileStreamSourceConnector", "FileStreamSource", "FileSource"} {
		if p.Source(name) != &p.Sources[0] || p.Sink(name) != nil {
			t.Errorf("%s is not the source", name)
		}
	}
	if p.Sink("FileStreamSink") != &p.Sinks[0] || p.Transform("Cast$Value") != &p.Transforms[1] || p.Transform("Cast") != nil ||
		p.Predicate("HasHeaderKey") != &p.Predicates[0] || p.Converter("Json") != &p.Converters[0] || p.Converter("json") != &p.Converters[0] {
		t.Error("a plugin is not found by its name")
	}
	for _, name := range []string{"", "org.b.FileStreamSourceConnector", "FileStream", "filestreamsource"} {
		if p.Source(name) != nil {
			t.Errorf("%q names the source", name)
		}
	}
}
