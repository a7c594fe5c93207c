// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"slices"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
)

// wrongKeys returns the keys that a configuration is refused for.
func wrongKeys(info connect.PluginInfo, props map[string]string) []string {
	c, errs := info.Config.Parse(props)
	errs = append(errs, info.Validate(c)...)
	var keys []string
	for _, e := range errs {
		keys = append(keys, e.Key)
	}
	slices.Sort(keys)
	return keys
}

func TestValidation(t *testing.T) {
	source := Source(&kafka.Clusters{}).PluginInfo
	sink := Sink(&kafka.Clusters{}, convert.Plugins()).PluginInfo
	cases := []struct {
		name   string
		plugin connect.PluginInfo
		props  string // key=value, separated by blanks
		want   string
	}{
		{"topics", source, "topics=a,b topic=out", ""},
		{"regex", source, "topics.regex=a.* topic=out", ""},
		{"neither topics nor regex", source, "topic=out", "topics topics.regex"},
		{"both", source, "topics=a topics.regex=b topic=out", "topics topics.regex"},
		{"broken regex", source, "topics.regex=( topic=out", "topics.regex"},
		{"a topic twice", source, "topics=a,a topic=out", "topics"},
		{"onto itself by default", source, "topics=a", "topic"},
		{"onto itself by name", source, "topics=a,b topic=b", "topic"},
		{"onto itself by regex", source, "topics.regex=a.* topic=ab", "topic"},
		{"a name within is not the whole", source, "topics.regex=a topic=ab", ""},
		{"onto another of its topics", source, "topics=a,a-copy topic=${topic}-copy", "topic"},
		{"copies", source, "topics=a,b topic=${topic}-copy", ""},
		{"same name on another cluster", source, "topics=a source.cluster.bootstrap.servers=h:1", ""},
		{"client settings of the other cluster", source, "topics=a source.cluster.bootstrap.servers=h:1 source.cluster.security.protocol=NO source.cluster.alias=x", "source.cluster.security.protocol"},
		{"start", source, "topics=a topic=b auto.offset.reset=middle", "auto.offset.reset"},
		{"isolation", source, "topics=a topic=b isolation.level=none", "isolation.level"},
		{"refresh", source, "topics=a topic=b refresh.topics.interval.ms=0", "refresh.topics.interval.ms"},
		{"sink onto itself", sink, "", "topic"},
		{"sink back", sink, "topic=${topic}-copy", ""},
		{"sink to another cluster", sink, "target.cluster.bootstrap.servers=h:1", ""},
		{"client settings of the target", sink, "target.cluster.bootstrap.servers=h:1 target.cluster.compression.type=rar", "target.cluster.compression.type"},
		{"unknown converter", sink, "topic=out target.value.converter=JsonConvertor", "target.value.converter"},
		{"settings of a converter", sink, "topic=out target.value.converter=JsonConverter target.value.converter.schemas.enable=perhaps", "target.value.converter"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			props := map[string]string{}
			for _, kv := range strings.Fields(c.props) {
				k, v, _ := strings.Cut(kv, "=")
				props[k] = v
			}
			if got := strings.Join(wrongKeys(c.plugin, props), " "); got != c.want {
				t.Errorf("refused for %q, want %q", got, c.want)
			}
		})
	}
}

func TestUnknownConverterIsGivenAName(t *testing.T) {
	sink := Sink(&kafka.Clusters{}, convert.Plugins())
	c, _ := sink.Config.Parse(map[string]string{topicKey: "out", targetKeyConv: "JsonConvertor"})
	errs := sink.Validate(c)
	if len(errs) != 1 || !strings.Contains(errs[0].Hint, "JsonConverter") {
		t.Errorf("the errors are %v", errs)
	}
}

func TestCheckOffset(t *testing.T) {
	partition := func(entries ...connect.MapEntry) connect.Value { return connect.Map(entries) }
	entry := func(k string, v connect.Value) connect.MapEntry {
		return connect.MapEntry{Key: connect.String(k), Value: v}
	}
	cluster, topic, number := entry("cluster", connect.String("source")), entry("topic", connect.String("t")), entry("partition", connect.Int64(0))
	good := partition(cluster, number, topic)
	cases := []struct {
		name      string
		partition connect.Value
		offset    connect.Value
		want      string // part of the error; empty for none
	}{
		{"good", good, offsetOf(7), ""},
		{"before the first record", good, offsetOf(-1), ""},
		{"reset", good, connect.Null(), ""},
		{"no cluster", partition(number, topic), offsetOf(7), `"cluster"`},
		{"no topic", partition(cluster, number), offsetOf(7), `"topic"`},
		{"topic is a number", partition(cluster, number, entry("topic", connect.Int64(1))), offsetOf(7), `"topic"`},
		{"no partition", partition(cluster, topic), offsetOf(7), `"partition"`},
		{"negative partition", partition(cluster, topic, entry("partition", connect.Int64(-1))), offsetOf(7), `"partition"`},
		{"partition is a text", partition(cluster, topic, entry("partition", connect.String("0"))), offsetOf(7), `"partition"`},
		{"not a map", connect.String("t-0"), offsetOf(7), `"cluster"`},
		{"no offset", good, connect.Map(nil), `"offset"`},
		{"too small", good, offsetOf(-2), `"offset"`},
		{"offset is a text", good, connect.Map([]connect.MapEntry{entry("offset", connect.String("7"))}), `"offset"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := checkOffset(connect.Position{Partition: c.partition, Offset: c.offset})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestParseAssigned(t *testing.T) {
	got, err := parseAssigned("a:0,a.b-c_d:17")
	want := []kafka.TopicPartition{{Topic: "a", Partition: 0}, {Topic: "a.b-c_d", Partition: 17}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := parseAssigned(""); err != nil || got != nil {
		t.Errorf("nothing is %v, %v", got, err)
	}
	for _, bad := range []string{"a", "a:", "a:x", "a:-1", "a:0,", "a:4294967296"} {
		if _, err := parseAssigned(bad); err == nil || !strings.Contains(err.Error(), partitionsKey) {
			t.Errorf("%q gives the error %v", bad, err)
		}
	}
}
