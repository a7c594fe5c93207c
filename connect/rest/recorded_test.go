// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
	"github.com/connectd/connectd/connectors/file"
	"github.com/connectd/connectd/transforms"
)

var update = flag.Bool("update", false, "write the answers that differ from the recording into testdata/differences.json")

// call is a request to Kafka Connect 4.3.1 and its answer.
type call struct {
	N       int
	Request struct {
		Method, Path string
		Headers      map[string]string
		Body         *string
	}
	Status  int
	Headers map[string]string
	Body    string
}

// difference says why an answer is not the original's, and either what it is, or
// which parts of it are not compared.
type difference struct {
	Reason string `json:"reason"`
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	// Except are paths with the names of members, of listed keys, or * for all.
	Except []string `json:"except,omitempty"`
}

const differencesFile = "testdata/differences.json"

func recordedCalls(t *testing.T) []call {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded.jsonl")
	must(t, err)
	var out []call
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var c call
		must(t, json.Unmarshal(lines.Bytes(), &c))
		out = append(out, c)
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// live is a server with a worker behind it, on a broker.
type live struct {
	url, dir string
	worker   *worker.Worker
	targets  map[string]string // the state that each connector was last put in
}

func startLive(t *testing.T) live {
	t.Helper()
	addr := brokertest.Start(t)
	settings, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": addr})
	must(t, errs.OrNil())
	cluster, err := kafka.Open(deadline(t), settings)
	must(t, err)
	t.Cleanup(func() { must(t, cluster.Close()) })
	converters := convert.Plugins()
	plugins := &connect.Plugins{
		Sources: []connect.SourcePlugin{file.SourcePlugin()}, Sinks: []connect.SinkPlugin{file.SinkPlugin()},
		Predicates: transforms.Predicates(), Converters: converters,
	}
	all := connect.Plugins{Transforms: transforms.Plugins()}
	for _, used := range []string{"Filter", "RegexRouter"} {
		plugins.Transforms = append(plugins.Transforms, *all.Transform(used))
	}
	group := brokertest.Name(t, "workers")
	topic := func(kind string, n int32) topics.Options {
		return topics.Options{Cluster: cluster, Topic: brokertest.Topic(t, kind), Partitions: n, Replication: 1}
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	dir := t.TempDir()
	w, err := worker.Start(deadline(t), worker.Options{
		Group: group, ID: "127.0.0.1:18083", Plugins: plugins, Cluster: cluster, Clusters: &kafka.Clusters{},
		Settings: runtime.WorkerSettings{
			Common: map[string]string{"bootstrap.servers": addr}, FlushInterval: 100 * time.Millisecond, Replication: 1,
			Converters: map[string]string{"key.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter": "org.apache.kafka.connect.json.JsonConverter"},
		},
		Config: topics.ConfigOptions{Options: topic("configs", 1), TransactionalID: "connect-cluster-" + group}, Offsets: topic("offsets", 25), Status: topic("status", 5),
		StateDir: filepath.Join(dir, "state"), Providers: worker.Providers{}, Tracking: true, TrackingReset: true, GracefulStop: 5 * time.Second, Log: log,
	})
	must(t, err)
	t.Cleanup(func() { must(t, w.Stop(deadline(t))) })
	s := New(Options{Version: "4.3.1", Commit: "26b251a451ce941d", ClusterID: "0LXjmYRZTjW0MjwRKn3Wrw", Plugins: plugins, Levels: &Levels{}, Log: log})
	s.SetHerder(w)
	return live{serve(t, s), dir, w, map[string]string{}}
}

// serve lets a server answer on a free port until the end of the test.
func serve(t testing.TB, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		must(t, s.Close(deadline(t)))
		must(t, <-done)
	})
	return "http://" + l.Addr().String()
}

func (l live) places() *strings.Replacer {
	return strings.NewReplacer("@FILE", filepath.Join(l.dir, "rest-in.txt"), "@SINK", filepath.Join(l.dir, "rest-out.txt"), "@WORK", l.dir)
}

func (l live) hide(s string) string {
	return strings.NewReplacer(filepath.Join(l.dir, "rest-in.txt"), "@FILE", filepath.Join(l.dir, "rest-out.txt"), "@SINK", l.dir, "@WORK",
		strings.TrimPrefix(l.url, "http://"), "127.0.0.1:18083").Replace(s)
}

// do sends a recorded request.
func (l live) do(t *testing.T, c call) (status int, header http.Header, body string) {
	t.Helper()
	var in io.Reader
	if c.Request.Body != nil {
		in = strings.NewReader(l.places().Replace(*c.Request.Body))
	}
	req, err := http.NewRequestWithContext(deadline(t), c.Request.Method, l.url+c.Request.Path, in)
	must(t, err)
	for k, v := range c.Request.Headers {
		req.Header.Set(k, v)
	}
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(t, err)
	return resp.StatusCode, resp.Header, l.hide(strings.TrimSuffix(string(text), "\n"))
}

// TestRecordedCalls sends what was sent to the original, in order, and expects its
// answers, or those that testdata/differences.json has reasons for.
func TestRecordedCalls(t *testing.T) {
	if brokertest.External() {
		t.Log("on a broker that is shared, group ids and topics of the recording may be in use")
	}
	l := startLive(t)
	must(t, os.WriteFile(filepath.Join(l.dir, "rest-in.txt"), []byte("a\nb\nc\n"), 0o600))
	differences := map[string]difference{}
	text, err := os.ReadFile(differencesFile)
	must(t, err)
	must(t, json.Unmarshal(text, &differences))
	for _, c := range recordedCalls(t) {
		n := fmt.Sprint(c.N)
		d, listed := differences[n]
		wrong := l.settled(t, c, d)
		l.note(c)
		l.rest(t)
		switch {
		case wrong == "":
		case *update:
			differences[n] = l.answered(t, c, d)
		default:
			t.Errorf("call %d, %s %s: %s", c.N, c.Request.Method, c.Request.Path, wrong)
		}
		if listed && (d.Reason == "" || d.Body == "" && d.Status == 0 && len(d.Except) == 0) {
			t.Errorf("the difference in call %d has no reason, or says nothing", c.N)
		}
		if listed && d.Body != "" && d.Status == 0 && same(d.Body, c.Body, nil) {
			t.Errorf("call %d is listed as a difference but is none", c.N)
		}
	}
	if *update {
		text, err := json.MarshalIndent(differences, "", " ")
		must(t, err)
		must(t, os.WriteFile(differencesFile, append(text, '\n'), 0o644))
	}
}

// answered is the difference that the answer of now makes.
func (l live) answered(t *testing.T, c call, d difference) difference {
	t.Helper()
	status, _, body := l.do(t, c)
	if status != c.Status {
		d.Status = status
	}
	d.Body = body
	return d
}

// rest waits, as the recorder did, until every connector is in the state that it was
// put in: a stopped one has no tasks, and the tasks of others are in its state, or failed.
func (l live) rest(t *testing.T) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := deadline(t); !l.atRest(t); {
		select {
		case <-tick.C:
		case <-end.Done():
			t.Fatal("the connectors do not come to rest")
		}
	}
}

// note remembers in which state a call puts a connector.
func (l live) note(c call) {
	name, op, _ := strings.Cut(strings.TrimPrefix(c.Request.Path, "/connectors/"), "/")
	switch op {
	case "pause":
		l.targets[name] = "PAUSED"
	case "resume":
		l.targets[name] = "RUNNING"
	case "stop":
		l.targets[name] = "STOPPED"
	}
	var body struct {
		Name  string
		State string `json:"initial_state"`
	}
	if c.Request.Path == "/connectors" && c.Request.Body != nil && json.Unmarshal([]byte(*c.Request.Body), &body) == nil && body.State != "" && c.Status == http.StatusCreated {
		l.targets[body.Name] = strings.ToUpper(body.State)
	}
}

func (l live) atRest(t *testing.T) bool {
	t.Helper()
	for _, name := range l.worker.Names() {
		status, err := l.worker.Status(name)
		if err != nil {
			return false
		}
		target := l.targets[name]
		if target == "" {
			target = "RUNNING"
		}
		info, err := l.worker.Info(name)
		must(t, err)
		if status.Connector.State != target || len(status.Tasks) != len(info.Tasks) || target == "RUNNING" && len(info.Tasks) == 0 {
			return false
		}
		for _, task := range status.Tasks {
			if task.State != target && task.State != "FAILED" {
				return false
			}
		}
	}
	return true
}

// settled compares an answer; what reads is asked again until it agrees, since states
// take their time. It returns what does not agree.
func (l live) settled(t *testing.T, c call, d difference) string {
	t.Helper()
	want := difference{Status: c.Status, Body: c.Body}
	if d.Status != 0 {
		want.Status = d.Status
	}
	if d.Body != "" {
		want.Body = d.Body
	}
	patience := 3 * time.Second
	// A restart of what has failed can be asked for again: the one before may be under way.
	if c.Request.Method != http.MethodGet && !strings.HasSuffix(c.Request.Path, "onlyFailed=true") {
		patience = 0
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		status, header, body := l.do(t, c)
		var wrong []string
		if status != want.Status {
			wrong = append(wrong, fmt.Sprintf("status %d, want %d", status, want.Status))
		}
		if !same(body, want.Body, d.Except) {
			wrong = append(wrong, fmt.Sprintf("body\n%s\nwant\n%s", body, want.Body))
		}
		if where, ok := c.Headers["Location"]; ok && l.hide(header.Get("Location")) != where {
			wrong = append(wrong, fmt.Sprintf("location %s, want %s", header.Get("Location"), where))
		}
		if len(wrong) == 0 || time.Now().After(end) {
			return strings.Join(wrong, "; ")
		}
	}
}

// same compares answers by meaning. Keys and groups that only we have are allowed.
func same(got, want string, except []string) bool {
	var a, b any
	if json.Unmarshal([]byte(got), &a) != nil || json.Unmarshal([]byte(want), &b) != nil {
		return got == want
	}
	for _, path := range except {
		if path == "*" {
			return true
		}
		prune(a, strings.Split(path, "/"))
		prune(b, strings.Split(path, "/"))
	}
	return agrees(a, b)
}

// prune removes what a path leads to.
func prune(v any, path []string) {
	switch x := v.(type) {
	case map[string]any:
		if len(path) == 1 {
			delete(x, path[0])
			return
		}
		prune(x[path[0]], path[1:])
	case []any:
		for _, e := range x {
			if len(path) > 1 && (path[0] == "*" || nameOf(e) == path[0]) {
				prune(e, path[1:])
			}
		}
	}
}

// agrees reports whether got is want, but for members that the original does not
// know and whose names say so, for further keys of configurations, and for instants.
func agrees(got, want any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k := range g {
			if _, known := w[k]; !known && !strings.HasPrefix(k, "connectd_") {
				return false
			}
		}
		for k, v := range w {
			if x, there := g[k]; !there || k != "error_count" && !agrees(x, v) || k == "error_count" && x != v {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		return ok && listsAgree(g, w)
	case float64:
		g, ok := got.(float64)
		return ok && (g == w || g > 1e12 && w > 1e12)
	default:
		return reflect.DeepEqual(got, want)
	}
}

// listsAgree compares lists in order; in lists of keys, groups and plugins, which are
// told by their names, what only we have is passed over.
func listsAgree(got, want []any) bool {
	// The recorded worker had plugins of somebody else besides.
	want = slices.DeleteFunc(slices.Clone(want), func(v any) bool { return strings.HasPrefix(nameOf(v), "io.debezium.") })
	i := 0
	for _, g := range got {
		if i < len(want) && agrees(g, want[i]) {
			i++
			continue
		}
		if nameOf(g) == "" || i < len(want) && nameOf(g) == nameOf(want[i]) {
			return false
		}
	}
	return i == len(want)
}

// nameOf is the name of a key, a group or a plugin; "" for other elements.
func nameOf(v any) string {
	m, ok := v.(map[string]any)
	if !ok {
		s, _ := v.(string)
		return s
	}
	if value, ok := m["value"].(map[string]any); ok {
		m = value
	}
	for _, k := range []string{"name", "class"} {
		if s, ok := m[k].(string); ok {
			return s
		}
	}
	return ""
}
