// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
	"github.com/connectd/connectd/connect/topics"
	"github.com/connectd/connectd/connect/worker"
)

// herder is a Herder that notes what it is asked for. Its embedded interface is nil:
// an operation that a test does not expect panics.
type herder struct {
	Herder
	asked  []string
	config map[string]string
	err    error
}

func (h *herder) ask(format string, args ...any) {
	h.asked = append(h.asked, fmt.Sprintf(format, args...))
}

func (h *herder) Names() []string { return []string{"a", "b"} }

func (h *herder) Info(name string) (worker.Info, error) {
	h.ask("info %s", name)
	return worker.Info{Name: name, Config: map[string]string{"name": name}, Tasks: []worker.TaskID{}, Type: "source"}, h.err
}

func (h *herder) Status(name string) (worker.Status, error) {
	return worker.Status{Name: name}, h.err
}

func (h *herder) Create(_ context.Context, name string, config map[string]string, target topics.Target) (worker.Info, error) {
	h.ask("create %q %s", name, target)
	h.config = config
	return worker.Info{Name: name}, h.err
}

func (h *herder) Put(_ context.Context, name string, config map[string]string) (worker.Info, bool, error) {
	h.ask("put %s", name)
	h.config = config
	return worker.Info{Name: name}, false, h.err
}

func (h *herder) Patch(_ context.Context, name string, patch map[string]*string) (worker.Info, error) {
	text, _ := json.Marshal(patch)
	h.ask("patch %s %s", name, text)
	return worker.Info{Name: name}, h.err
}

func (h *herder) Delete(_ context.Context, name string) error {
	h.ask("delete %s", name)
	return h.err
}

func (h *herder) SetTarget(_ context.Context, name string, target topics.Target) error {
	h.ask("target %s %s", name, target)
	return h.err
}

func (h *herder) Restart(_ context.Context, r topics.Restart) (worker.Status, error) {
	h.ask("restart %s %t %t", r.Connector, r.IncludeTasks, r.OnlyFailed)
	return worker.Status{Name: r.Connector}, h.err
}

func (h *herder) RestartTask(_ context.Context, name string, task int) error {
	h.ask("restart %s-%d", name, task)
	return h.err
}

func (h *herder) AlterPositions(_ context.Context, name string, ps []connect.Position) (string, error) {
	for _, p := range ps {
		h.ask("alter %s %s %s", name, convert.AppendJSON(nil, p.Partition), convert.AppendJSON(nil, p.Offset))
	}
	return "done", h.err
}

func (h *herder) Signal(_ context.Context, name string, s connect.Signal) error {
	h.ask("signal %s %q %q %s", name, s.ID, s.Type, s.Data)
	return h.err
}

func (h *herder) State(name, step, key string) (worker.StateEntry, error) {
	return worker.StateEntry{Step: step, Key: key, Task: 1, Value: []byte(`{"of":"` + name + `"}`)}, h.err
}

func TestState(t *testing.T) {
	for path, want := range map[string]string{
		"/connectors/a/state/sum/k":         `{"step":"sum","key":"k","task":1,"value":{"of":"a"}}`,
		"/connectors/a/state/sum/x/y":       `{"step":"sum","key":"x/y","task":1,"value":{"of":"a"}}`,
		"/connectors/a/state/sum/%7B%22%7D": `{"step":"sum","key":"{\"}","task":1,"value":{"of":"a"}}`,
	} {
		if w := ask(server(&herder{}), "GET", path, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s answers %d %s, want %s", path, w.Code, w.Body, want)
		}
	}
	h := &herder{err: &worker.Problem{Status: 404, Message: "no step"}}
	if w := ask(server(h), "GET", "/connectors/a/state/sum/k", ""); w.Code != 404 || !strings.Contains(w.Body.String(), "no step") {
		t.Errorf("an unknown step answers %d %s", w.Code, w.Body)
	}
}

func server(h Herder) *Server {
	s := New(Options{Version: "1", Commit: "2", ClusterID: "3", Plugins: &connect.Plugins{}, Levels: &Levels{},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metric 1\n") })})
	if h != nil {
		s.SetHerder(h)
	}
	return s
}

// ask sends one request past the network.
func ask(s *Server, method, path, body string, header ...string) *httptest.ResponseRecorder {
	return surface{s: s}.ask(method, path, body, header...)
}

func (f surface) ask(method, path, body string, header ...string) *httptest.ResponseRecorder {
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, path, in)
	r.Host = "localhost:8083"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if r.Header.Set(header[i], header[i+1]); header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	w := httptest.NewRecorder()
	f.ServeHTTP(w, r)
	return w
}

func TestOperations(t *testing.T) {
	cases := []struct {
		method, path, body string
		asked              string
		status             int
	}{
		{"POST", "/connectors", `{"name":" a ","config":{"n":1,"b":true,"s":"x"}}`, `create "a" `, 201},
		{"POST", "/connectors/", `{"name":"a","config":{}}`, `create "a" `, 201},
		{"POST", "/connectors", `{"name":"a","config":{},"initial_state":"stopped"}`, `create "a" STOPPED`, 201},
		{"POST", "/connectors", `{"name":"a","config":{},"initial_state":"RUNNING"}`, `create "a" STARTED`, 201},
		{"GET", "/connectors/a%2Fb%20c", "", "info a/b c", 200},
		{"GET", "/connectors/a/", "", "info a", 200},
		{"GET", "/connectors/a%2F", "", "info a/", 200},
		{"PUT", "/connectors/a/config", `{"x":"y"}`, "put a", 200},
		{"PATCH", "/connectors/a/config", `{"x":null,"y":2}`, `patch a {"x":null,"y":"2"}`, 200},
		{"DELETE", "/connectors/a", "", "delete a", 204},
		{"PUT", "/connectors/a/pause", "", "target a PAUSED", 202},
		{"PUT", "/connectors/a/resume", "", "target a STARTED", 202},
		{"PUT", "/connectors/a/stop", "", "target a STOPPED", 204},
		{"POST", "/connectors/a/restart", "", "restart a false false", 204},
		{"POST", "/connectors/a/restart?includeTasks=true", "", "restart a true false", 202},
		{"POST", "/connectors/a/restart?onlyFailed=TRUE&includeTasks=no", "", "restart a false true", 202},
		{"POST", "/connectors/a/tasks/3/restart", "", "restart a-3", 204},
		{"PATCH", "/connectors/a/offsets", `{"offsets":[{"partition":{"b":1,"a":"x"},"offset":{"p":12345678901234567890}}]}`, `alter a {"b":1,"a":"x"} {"p":12345678901234567890}`, 200},
	}
	for _, c := range cases {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			h := &herder{}
			w := ask(server(h), c.method, c.path, c.body)
			if got := strings.Join(h.asked, "; "); got != c.asked || w.Code != c.status {
				t.Errorf("asked %q and answered %d %s; want %q and %d", got, w.Code, w.Body, c.asked, c.status)
			}
			if (c.status == 202 || c.status == 204) && c.method != "POST" && w.Body.Len() != 0 {
				t.Errorf("the body is %q", w.Body)
			}
		})
	}
}

func TestValuesBecomeStrings(t *testing.T) {
	h := &herder{}
	ask(server(h), "PUT", "/connectors/a/config", `{"int":1,"big":12345678901234567890,"float":1.50,"bool":true,"text":"<é>"}`)
	for k, want := range map[string]string{"int": "1", "big": "12345678901234567890", "float": "1.50", "bool": "true", "text": "<é>"} {
		if h.config[k] != want {
			t.Errorf("%s is %q, want %q", k, h.config[k], want)
		}
	}
}

func TestBodiesThatAreRefused(t *testing.T) {
	cases := []struct {
		method, path, body string
		status             int
	}{
		{"POST", "/connectors", "{", 500}, {"POST", "/connectors", "", 500}, {"POST", "/connectors", "null", 500}, {"POST", "/connectors", "[]", 500},
		{"POST", "/connectors", `{"name":1,"config":{}}`, 500}, {"POST", "/connectors", `{"name":"a","config":{"a":[]}}`, 500},
		{"POST", "/connectors", `{"name":"a","config":{},"more":1}`, 500}, {"POST", "/connectors", `{"name":"a","config":{"a":null}}`, 400},
		{"PUT", "/connectors/a/config", `"x"`, 500}, {"PUT", "/connectors/a/config", `{"a":{}}`, 500}, {"PUT", "/connectors/a/config", `{} {}`, 500},
		{"POST", "/connectors", `{"name":"a","config":{}} more`, 500},
		{"PATCH", "/connectors/a/config", `{"a":[]}`, 500}, {"PATCH", "/connectors/a/offsets", `[]`, 500}, {"PATCH", "/connectors/a/offsets", `{"offsets":[1]}`, 500},
		{"PUT", "/admin/loggers/root", `{"level":1}`, 500}, {"PUT", "/admin/loggers/root", `{}`, 400}, {"PUT", "/admin/loggers/root", `{"level":"loud"}`, 404},
	}
	for _, c := range cases {
		h := &herder{}
		w := ask(server(h), c.method, c.path, c.body)
		var body errorBody
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != c.status || body.Code != c.status || body.Message == "" {
			t.Errorf("%s %s %s is answered %d %s", c.method, c.path, c.body, w.Code, w.Body)
		}
		if len(h.asked) != 0 {
			t.Errorf("%s %s %s asks for %v", c.method, c.path, c.body, h.asked)
		}
		if strings.Contains(body.Message, "struct {") {
			t.Errorf("the message names a type of the program: %s", body.Message)
		}
	}
}

func TestErrorsHaveOneForm(t *testing.T) {
	cases := map[string]struct {
		err    error
		status int
	}{
		"a problem": {&worker.Problem{Status: 409, Message: "m"}, 409}, "a wrapped one": {fmt.Errorf("x: %w", &worker.Problem{Status: 404, Message: "m"}), 404},
		"anything": {errors.New("m"), 500}, "time": {fmt.Errorf("x: %w", context.DeadlineExceeded), 500},
	}
	for name, c := range cases {
		w := ask(server(&herder{err: c.err}), "GET", "/connectors/a", "")
		if w.Code != c.status || !strings.Contains(w.Body.String(), fmt.Sprintf(`{"error_code":%d,"message":`, c.status)) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
}

func TestFrameworkAnswers(t *testing.T) {
	cases := []struct {
		method, path string
		header       []string
		status       int
	}{
		{"GET", "/nothing", nil, 404}, {"GET", "/connectors/a/tasks/x/status", nil, 404}, {"DELETE", "/connectors", nil, 405}, {"POST", "/health", nil, 405},
		{"GET", "/connectors", []string{"Accept", "text/html"}, 406}, {"GET", "/connectors", []string{"Accept", "text/html, */*;q=0.1"}, 200},
		{"OPTIONS", "/connectors", nil, 200}, {"HEAD", "/connectors", nil, 200}, {"GET", "/metrics", nil, 200},
	}
	for _, c := range cases {
		if w := ask(server(&herder{}), c.method, c.path, "", c.header...); w.Code != c.status {
			t.Errorf("%s %s %v is answered %d %s", c.method, c.path, c.header, w.Code, w.Body)
		}
	}
	if w := ask(server(&herder{}), "PUT", "/connectors/a/config", "{}", "Content-Type", "text/plain"); w.Code != 415 {
		t.Errorf("text/plain is answered %d", w.Code)
	}
	if w := ask(server(&herder{}), "PUT", "/connectors/a/config", "{}", "Content-Type", "application/json; charset=utf-8"); w.Code != 200 {
		t.Errorf("JSON with a charset is answered %d", w.Code)
	}
}

func TestLargeRequests(t *testing.T) {
	h := &herder{}
	w := ask(server(h), "PUT", "/connectors/a/config", `{"a":"`+strings.Repeat("x", maxBody)+`"}`)
	if w.Code != http.StatusRequestEntityTooLarge || len(h.asked) != 0 {
		t.Errorf("it is answered %d and asks for %v", w.Code, h.asked)
	}
}

func TestBeforeTheWorkerIsReady(t *testing.T) {
	s := server(nil)
	for path, want := range map[string]int{"/": 200, "/health": 503, "/connector-plugins": 200, "/admin/loggers": 200, "/metrics": 200, "/connectors": 503, "/connectors/a/status": 503} {
		if w := ask(s, "GET", path, ""); w.Code != want {
			t.Errorf("%s is answered %d %s", path, w.Code, w.Body)
		}
	}
	if w := ask(s, "GET", "/health", ""); !strings.Contains(w.Body.String(), `"status":"starting"`) {
		t.Errorf("health is %s", w.Body)
	}
	s.SetHerder(&herder{})
	for path := range map[string]int{"/health": 200, "/connectors": 200} {
		if w := ask(s, "GET", path, ""); w.Code != 200 {
			t.Errorf("once it is ready %s is answered %d", path, w.Code)
		}
	}
}

// A web page must not reach the API of this machine, by its own name or by a name that
// it made point here.
func TestForeignHosts(t *testing.T) {
	cases := []struct {
		host, origin string
		allowed      bool
	}{
		{"localhost:8083", "", true}, {"127.0.0.1:8083", "", true}, {"[::1]:8083", "", true}, {"LOCALHOST", "", true}, {"127.0.0.2", "", true},
		{"localhost:8083", "http://localhost:3000", true}, {"localhost:8083", "https://127.0.0.1", true},
		{"evil.example:8083", "", false}, {"localhost.evil.example", "", false}, {"127.0.0.1.evil.example:8083", "", false}, {"", "", false},
		{"localhost:8083", "http://evil.example", false}, {"localhost:8083", "null", false}, {"localhost:8083", "http://localhost.evil.example", false},
		{"localhost:8083", "http://localhost@evil.example", false}, {"192.168.0.7:8083", "", false},
	}
	for _, c := range cases {
		s := server(&herder{})
		header := []string{"Host", c.host}
		if c.origin != "" {
			header = append(header, "Origin", c.origin)
		}
		for _, path := range []string{"/connectors", "/metrics", "/nothing"} {
			w := surface{s: s, local: true}.ask("GET", path, "", header...)
			if (w.Code != http.StatusForbidden) != c.allowed {
				t.Errorf("%s with host %q and origin %q is answered %d", path, c.host, c.origin, w.Code)
			}
		}
		if w := ask(s, "GET", "/connectors", "", header...); w.Code != 200 {
			t.Errorf("a listener for all refuses host %q and origin %q: %d", c.host, c.origin, w.Code)
		}
	}
}

func TestTheListenerTellsWhetherItIsLocal(t *testing.T) {
	url := serve(t, server(&herder{}))
	req, err := http.NewRequestWithContext(deadline(t), "GET", url+"/connectors", nil)
	must(t, err)
	req.Host = "evil.example"
	resp, err := http.DefaultClient.Do(req)
	must(t, err)
	must(t, resp.Body.Close())
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign name on loopback is answered %d", resp.StatusCode)
	}
}

func TestAccessControl(t *testing.T) {
	s := server(&herder{})
	if w := ask(s, "GET", "/connectors", ""); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("other origins are allowed though nobody said so")
	}
	s.o.AllowOrigin, s.o.AllowMethods = "https://ui.example", "GET,PUT"
	w := ask(s, "GET", "/connectors", "")
	if w.Header().Get("Access-Control-Allow-Origin") != "https://ui.example" || w.Header().Get("Access-Control-Allow-Methods") != "GET,PUT" {
		t.Errorf("the headers are %v", w.Header())
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{`{"name":"a","config":{"a":"b"}}`, `{"offsets":[{"partition":{},"offset":null}]}`, `{"a":null}`, `[`, `{"a":1e999}`, ``} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		for _, to := range [][2]string{{"POST", "/connectors"}, {"PUT", "/connectors/a/config"}, {"PATCH", "/connectors/a/config"}, {"PATCH", "/connectors/a/offsets"}} {
			w := ask(server(&herder{}), to[0], to[1], body)
			if w.Code >= 300 && w.Code != 400 && w.Code != 500 {
				t.Fatalf("%v %q is answered %d", to, body, w.Code)
			}
		}
	})
}
