// SPDX-License-Identifier: Apache-2.0

package avro

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/connectd/connectd/connect"
	schema "github.com/connectd/connectd/connect/avro"
)

func mustConverter(t testing.TB, r Registry, props map[string]string) *Converter {
	t.Helper()
	c, err := converterOf(r, false, props)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var user = connect.NewStruct("shop.User").Field("id", connect.Int64Schema).Field("name", connect.OptionalStringSchema).MustBuild()

func aUser(id int64, name string) connect.Value {
	return strct(user, connect.Int64(id), connect.String(name))
}

func TestMessageHasMagicAndID(t *testing.T) {
	r := newMemoryRegistry()
	r.add("other", `"string"`)
	c := mustConverter(t, r, nil)
	out, null, err := c.FromConnect([]byte("kept"), "users", user, aUser(3, "a"))
	want := append([]byte("kept"), 0, 0, 0, 0, 2, 6, 2, 2, 'a')
	if err != nil || null || !bytes.Equal(out, want) {
		t.Fatalf("got %x %t %v, want %x", out, null, err, want)
	}
	s, v, err := c.ToConnect(new(connect.Arena), "users", out[4:])
	if err != nil || !connect.Equal(unlike(v), unlike(aUser(3, "a"))) {
		t.Fatalf("got %v, %v", v.Kind(), err)
	}
	if number, ok := s.Version(); !ok || number != 1 || s.Name() != "shop.User" {
		t.Errorf("schema %s version %d", s, number)
	}
}

func TestNullsAreTombstones(t *testing.T) {
	c := mustConverter(t, newMemoryRegistry(), nil)
	for _, s := range []*connect.Schema{nil, connect.OptionalStringSchema, connect.NewSchema(connect.TypeString).Default(connect.String("x")).MustBuild()} {
		if out, null, err := c.FromConnect([]byte("kept"), "t", s, connect.Null()); string(out) != "kept" || !null || err != nil {
			t.Errorf("%s: got %q %t %v", s, out, null, err)
		}
	}
	if out, null, err := c.FromConnect([]byte("kept"), "t", connect.StringSchema, connect.Null()); string(out) != "kept" || null || err == nil {
		t.Errorf("required: got %q %t %v", out, null, err)
	}
	s, v, err := c.ToConnect(new(connect.Arena), "t", nil)
	if s != nil || !v.IsNull() || err != nil {
		t.Errorf("got %v %v %v", s, v.Kind(), err)
	}
}

func TestRegistryIsAskedOnceForASchema(t *testing.T) {
	r := newMemoryRegistry()
	c := mustConverter(t, r, nil)
	twin := connect.NewStruct("shop.User").Field("id", connect.Int64Schema).Field("name", connect.OptionalStringSchema).MustBuild()
	var messages [][]byte
	for _, topic := range []string{"a", "b", "a", "b"} {
		for _, s := range []*connect.Schema{user, twin, user} {
			out, _, err := c.FromConnect(nil, topic, s, strct(s, connect.Int64(1), connect.Null()))
			if err != nil {
				t.Fatal(err)
			}
			messages = append(messages, out)
		}
	}
	if r.calls["register"] != 2 {
		t.Errorf("registered %d times, want once a subject", r.calls["register"])
	}
	for range 3 {
		for _, m := range messages {
			if _, _, err := c.ToConnect(new(connect.Arena), "a", m); err != nil {
				t.Fatal(err)
			}
		}
	}
	if r.calls["byID"] != 1 || r.calls["lookup"] != 1 {
		t.Errorf("asked %v", r.calls)
	}
	if err := c.Close(); err != nil || r.closed != 1 {
		t.Errorf("close: %v, %d times", err, r.closed)
	}
}

func TestOneSubjectOfManyTopicsIsRegisteredOnce(t *testing.T) {
	r := newMemoryRegistry()
	c := mustConverter(t, r, map[string]string{"value.subject.name.strategy": "RecordNameStrategy"})
	for _, topic := range []string{"a", "b", "c"} {
		if _, _, err := c.FromConnect(nil, topic, user, aUser(1, "x")); err != nil {
			t.Fatal(err)
		}
	}
	if r.calls["register"] != 1 {
		t.Errorf("registered %d times", r.calls["register"])
	}
}

// The name of a topic may live in memory that is used again for the next batch.
func TestTopicsAreKeptAsTheyWere(t *testing.T) {
	r := newMemoryRegistry()
	c := mustConverter(t, r, nil)
	topic := []byte("aa")
	alias := unsafe.String(&topic[0], len(topic))
	m, _, err := c.FromConnect(nil, alias, user, aUser(1, "x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ToConnect(new(connect.Arena), alias, m); err != nil {
		t.Fatal(err)
	}
	copy(topic, "bb")
	if _, _, err := c.FromConnect(nil, "bb", user, aUser(1, "x")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.ToConnect(new(connect.Arena), "bb", m); err != nil {
		t.Fatal(err)
	}
	if r.calls["register"] != 2 || r.calls["byID"] != 2 {
		t.Errorf("asked %v, want once a topic", r.calls)
	}
}

func TestSubjects(t *testing.T) {
	cases := []struct {
		name, strategy string
		key            bool
		schema         *connect.Schema
		want           string // the subject, or the error's text
	}{
		{"topic, value", "", false, user, "t-value"},
		{"topic, key", "TopicNameStrategy", true, connect.StringSchema, "t-key"},
		{"record", "io.confluent.kafka.serializers.subject.RecordNameStrategy", false, user, "shop.User"},
		{"topic and record", "TopicRecordNameStrategy", true, user, "t-shop.User"},
		{"no record", "RecordNameStrategy", true, connect.StringSchema,
			"In configuration key.subject.name.strategy = io.confluent.kafka.serializers.subject.RecordNameStrategy, the message key must only be a record schema"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newMemoryRegistry()
			props := map[string]string{}
			if c.strategy != "" {
				props = map[string]string{"value.subject.name.strategy": c.strategy, "key.subject.name.strategy": c.strategy}
			}
			conv, err := converterOf(r, c.key, props)
			if err != nil {
				t.Fatal(err)
			}
			v := connect.String("x")
			if c.schema == user {
				v = aUser(1, "x")
			}
			_, _, err = conv.FromConnect(nil, "t", c.schema, v)
			if _, ok := r.subjects[c.want]; !ok && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("subjects %v, %v", r.subjects, err)
			}
		})
	}
}

func TestDamagedMessages(t *testing.T) {
	r := newMemoryRegistry()
	c := mustConverter(t, r, map[string]string{"avro.fail.on.trailing.data": "true"})
	good, _, err := c.FromConnect(nil, "t", user, aUser(1, "abc"))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"no magic", []byte("{}"), "Failed to deserialize data for topic t to Avro: Unknown magic byte!"},
		{"nothing", []byte{}, "Unknown magic byte!"},
		{"no id", good[:4], "a message of 4 bytes has no schema id"},
		{"unknown id", []byte{0, 0, 0, 0, 99, 0}, "Error retrieving Avro value schema for id 99: no such schema (40403)"},
		{"cut off", good[:len(good)-1], "Error deserializing Avro message for id 1: a string of 3 bytes, and 2 bytes are left (field name) at byte 3"},
		{"left over", append(bytes.Clone(good), 0), "Trailing data found"},
		{"branch", []byte{0, 0, 0, 0, 1, 2, 4}, "branch 2 of a union with 2 (field name)"},
	}
	for _, k := range cases {
		t.Run(k.name, func(t *testing.T) {
			_, _, err := c.ToConnect(new(connect.Arena), "t", k.data)
			var data *connect.DataError
			if !errors.As(err, &data) || !strings.Contains(err.Error(), k.want) || connect.IsRetriable(err) {
				t.Errorf("got %v, want %s", err, k.want)
			}
		})
	}
	if _, _, err := mustConverter(t, r, nil).ToConnect(new(connect.Arena), "t", append(bytes.Clone(good), 0)); err != nil {
		t.Errorf("what is left over is no error by default: %v", err)
	}
}

func TestRegistryThatIsAwayIsAskedAgain(t *testing.T) {
	r := newMemoryRegistry()
	c := mustConverter(t, r, nil)
	good, _, err := mustConverter(t, r, nil).FromConnect(nil, "t", user, aUser(1, "x"))
	if err != nil {
		t.Fatal(err)
	}
	for name, cause := range map[string]error{"away": connect.Retriable(errors.New("connection refused")), "silent": context.DeadlineExceeded} {
		r.err = cause
		_, _, err = c.FromConnect(nil, "t", user, aUser(1, "x"))
		_, _, readErr := c.ToConnect(new(connect.Arena), "t", good)
		if !connect.IsRetriable(err) || !connect.IsRetriable(readErr) {
			t.Errorf("%s: got %v and %v", name, err, readErr)
		}
	}
	r.err = nil
	if _, _, err = c.FromConnect(nil, "t", user, aUser(1, "x")); err != nil {
		t.Error(err)
	}
	if _, _, err := c.ToConnect(new(connect.Arena), "t", good); err != nil {
		t.Error(err)
	}
}

func TestRefusalNamesSubjectAndField(t *testing.T) {
	r := newMemoryRegistry()
	r.backward = true
	r.add("t-value", `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"id","type":"string"}]}`)
	c := mustConverter(t, r, nil)
	now := time.Unix(0, 0)
	c.now = func() time.Time { return now }
	_, _, err := c.FromConnect(nil, "t", user, aUser(1, "x"))
	var data *connect.DataError
	if !errors.As(err, &data) || connect.IsRetriable(err) || data.Field != "id" {
		t.Fatalf("got %v at %q", err, data.Field)
	}
	for _, want := range []string{"subject t-value", "status 409: Schema being registered is incompatible", "the new schema cannot read version 1", "TYPE_MISMATCH at /fields/0/type"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	_, _, again := c.FromConnect(nil, "t", user, aUser(1, "x"))
	if again == nil || again.Error() != err.Error() || r.calls["register"] != 1 {
		t.Errorf("asked %v, %v", r.calls, again)
	}
	r.backward, now = false, now.Add(refusalTime)
	if _, _, err := c.FromConnect(nil, "t", user, aUser(1, "x")); err != nil || r.calls["register"] != 2 {
		t.Errorf("asked %v, %v", r.calls, err)
	}
}

func TestWritingUnderARegisteredSchema(t *testing.T) {
	const wide = `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"score","type":"double","default":1.5},{"name":"id","type":["long","null"]},{"name":"name","type":["null","string"]}]}`
	const other = `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"email","type":"string"}]}`
	own := `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"],"default":null}],"connect.name":"shop.User"}`
	body := []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 2, 2, 2, 'a'}
	cases := []struct {
		name, text string
		props      map[string]string
		body       []byte
		want       string
	}{
		{"latest", wide, map[string]string{"auto.register.schemas": "false", "use.latest.version": "true"}, body, ""},
		{"id", wide, map[string]string{"auto.register.schemas": "false", "use.schema.id": "1"}, body, ""},
		{"lookup", own, map[string]string{"auto.register.schemas": "false"}, []byte{2, 2, 2, 'a'}, ""},
		{"lookup fails", wide, map[string]string{"auto.register.schemas": "false"}, nil, "Error retrieving Avro schema of subject t-value, and auto.register.schemas=false: no such schema"},
		{"latest is strict", other, map[string]string{"auto.register.schemas": "false", "use.latest.version": "true"}, nil,
			"the latest version of subject t-value cannot read the values' schema: READER_FIELD_MISSING_DEFAULT_VALUE at /fields/0: email. Set latest.compatibility.strict=false"},
		{"id is strict", other, map[string]string{"auto.register.schemas": "false", "use.schema.id": "1"}, nil, "Set id.compatibility.strict=false"},
		{"latest at will", other, map[string]string{"auto.register.schemas": "false", "use.latest.version": "true", "latest.compatibility.strict": "false"}, nil,
			"at .email: STRUCT shop.User has no such field, and the Avro schema has no default for it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := newMemoryRegistry()
			r.add("t-value", c.text)
			out, _, err := mustConverter(t, r, c.props).FromConnect(nil, "t", user, aUser(1, "a"))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if err != nil || !bytes.Equal(out, append([]byte{0, 0, 0, 0, 1}, c.body...)) {
				t.Errorf("got %x %v", out, err)
			}
		})
	}
}

func TestReaderSchemas(t *testing.T) {
	const older = `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"id","type":"long"}]}`
	const newer = `{"type":"record","name":"User","namespace":"shop","fields":[{"name":"id","type":"long"},{"name":"city","type":"string","default":"Ulm"}]}`
	file := filepath.Join(t.TempDir(), "user.avsc")
	if err := os.WriteFile(file, []byte(newer), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{"file:" + file, file, newer, "latest", "subject:t-value", "subject:t-value:latest", "subject:t-value:2", "subject:t-value:1", ""} {
		t.Run(value, func(t *testing.T) {
			r := newMemoryRegistry()
			r.add("t-value", older)
			r.add("t-value", newer)
			_, v, err := mustConverter(t, r, map[string]string{"reader.schema": value}).ToConnect(new(connect.Arena), "t", []byte{0, 0, 0, 0, 1, 14})
			if err != nil {
				t.Fatal(err)
			}
			city, has := v.Get("city")
			if old := value == "" || value == "subject:t-value:1"; has == old || has && city.Str() != "Ulm" {
				t.Errorf("city %q, %t", city.Str(), has)
			}
			if id, _ := v.Get("id"); id.Int() != 7 {
				t.Errorf("id %d", id.Int())
			}
		})
	}
}

func TestLatestReaderSchemaIsAskedForAfterItsTime(t *testing.T) {
	r := newMemoryRegistry()
	r.add("t-value", `{"type":"record","name":"User","fields":[{"name":"id","type":"long"}]}`)
	c := mustConverter(t, r, map[string]string{"use.latest.version": "true", "latest.cache.ttl.sec": "30"})
	now := time.Unix(0, 0)
	c.now = func() time.Time { return now }
	fields := func() int {
		s, _, err := c.ToConnect(new(connect.Arena), "t", []byte{0, 0, 0, 0, 1, 14})
		if err != nil {
			t.Fatal(err)
		}
		return len(s.Fields())
	}
	first := fields()
	r.add("t-value", `{"type":"record","name":"User","fields":[{"name":"id","type":"long"},{"name":"x","type":"int","default":1}]}`)
	now = now.Add(29 * time.Second)
	second := fields()
	now = now.Add(time.Second)
	if third := fields(); first != 1 || second != 1 || third != 2 {
		t.Errorf("got %d, %d, %d fields", first, second, third)
	}
}

func TestReferences(t *testing.T) {
	r := newMemoryRegistry()
	r.add("city", `{"type":"record","name":"City","namespace":"geo","fields":[{"name":"zip","type":"int"}]}`)
	city := schema.Reference{Name: "geo.City", Subject: "city", Version: 1}
	r.add("address", `{"type":"record","name":"Address","namespace":"geo","fields":[{"name":"city","type":"City"}]}`, city)
	id := r.add("t-value", `{"type":"record","name":"User","fields":[{"name":"home","type":"geo.Address"},{"name":"born","type":"geo.City"}]}`,
		schema.Reference{Name: "geo.Address", Subject: "address", Version: 1}, city)
	_, v, err := mustConverter(t, r, nil).ToConnect(new(connect.Arena), "t", []byte{0, 0, 0, 0, byte(id), 4, 6})
	if err != nil {
		t.Fatal(err)
	}
	home, _ := v.Get("home")
	at, _ := home.Get("city")
	if zip, _ := at.Get("zip"); zip.Int() != 2 {
		t.Errorf("zip %d", zip.Int())
	}
	r.add("loop", `{"type":"record","name":"A","fields":[{"name":"b","type":"B"}]}`, schema.Reference{Name: "B", Subject: "loop", Version: 1})
	if _, _, _, err := FetchSchema(context.Background(), r, "loop", Latest); err == nil {
		t.Error("a schema that refers to itself by subject is no error")
	}
}

func TestSchemasThatContainThemselvesAreReadWithoutSchema(t *testing.T) {
	r := newMemoryRegistry()
	r.add("t-value", `{"type":"record","name":"Node","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","Node"],"default":null}]}`)
	s, v, err := mustConverter(t, r, nil).ToConnect(new(connect.Arena), "t", []byte{0, 0, 0, 0, 1, 2, 2, 4, 0})
	if err != nil || s != nil {
		t.Fatalf("got %v, %v", s, err)
	}
	next, _ := v.Get("next")
	if second, _ := next.Get("v"); second.Int() != 2 {
		t.Errorf("second is %d", second.Int())
	}
	deep := append([]byte{0, 0, 0, 0, 1}, bytes.Repeat([]byte{2, 2}, 1<<16)...)
	if _, _, err := mustConverter(t, r, nil).ToConnect(new(connect.Arena), "t", deep); err == nil || !strings.Contains(err.Error(), "nested too deep") {
		t.Errorf("got %.100v", err)
	}
}

func TestConfiguration(t *testing.T) {
	cases := []struct {
		name  string
		props map[string]string
		want  string
	}{
		{"strategy", map[string]string{"value.subject.name.strategy": "RecordNameStrateg"}, "did you mean RecordNameStrategy?"},
		{"reader", map[string]string{"reader.schema": "user.avro"}, "must be file:<path>, subject:<name>"},
		{"reader file", map[string]string{"reader.schema": "file:/nowhere/x.avsc"}, "the file cannot be read"},
		{"reader text", map[string]string{"reader.schema": `{"type":"recor"}`}, "undefined name"},
		{"reader version", map[string]string{"reader.schema": "subject:t-value:0"}, "versions count from 1"},
		{"depth", map[string]string{"decode.max.depth": "0"}, "at least 1"},
		{"metadata", map[string]string{"use.latest.with.metadata": "a=b"}, "Invalid value a=b for configuration use.latest.with.metadata: this key is not supported"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := converterOf(newMemoryRegistry(), false, c.props)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	var opened map[string]string
	open := func(props map[string]string) (Registry, error) { opened = props; return newMemoryRegistry(), nil }
	for url, o := range map[string]PluginOptions{"http://worker": {Open: open, DefaultURL: "http://worker"}, "http://own": {Open: open}} {
		props := map[string]string{"basic.auth.user.info": "a:b"}
		if o.DefaultURL == "" {
			if _, errs := Plugin(o).Config.Parse(props); len(errs) != 1 || errs[0].Key != "schema.registry.url" {
				t.Errorf("without a URL: %v", errs)
			}
			props["schema.registry.url"] = url
		}
		c, errs := Plugin(o).Config.Parse(props)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		if _, err := Plugin(o).New(connect.ConverterContext{Config: c}); err != nil || opened["schema.registry.url"] != url || opened["basic.auth.user.info"] != "a:b" {
			t.Errorf("opened with %v, %v", opened, err)
		}
	}
	info := Plugin(PluginOptions{}).PluginInfo
	for _, name := range []string{"io.confluent.connect.avro.AvroConverter", "AvroConverter", "Avro", "avro"} {
		if !info.Matches(connect.KindConverter, name) {
			t.Errorf("not found as %s", name)
		}
	}
}
