// SPDX-License-Identifier: Apache-2.0

package schemaregistry_test

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert/avro"
	"github.com/connectd/connectd/connect/schemaregistry"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

var _ avro.Registry = (*schemaregistry.Client)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// registry serves an embedded registry, behind wrap unless that is nil.
func registry(t testing.TB, wrap func(http.Handler) http.Handler) *httptest.Server {
	t.Helper()
	s, err := server.New(t.Context(), server.Options{Store: server.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	var h http.Handler = s
	if wrap != nil {
		h = wrap(h)
	}
	l := httptest.NewServer(h)
	t.Cleanup(func() {
		l.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func client(t testing.TB, props ...string) *schemaregistry.Client {
	t.Helper()
	settings := map[string]string{}
	for i := 0; i+1 < len(props); i += 2 {
		settings[props[i]] = props[i+1]
	}
	c, err := schemaregistry.Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestClient(t *testing.T) {
	ctx := t.Context()
	c := client(t, "schema.registry.url", registry(t, nil).URL)
	id, err := c.Register(ctx, "a/b", "{\"type\":\"fixed\",\n\"name\":\"F\",\"size\":2}", nil, false)
	if id != 1 || err != nil {
		t.Fatalf("Register = %d, %v", id, err)
	}
	refs := []schemaregistry.Reference{{Name: "F", Subject: "a/b", Version: 1}}
	id, err = c.Register(ctx, "c", `{"type":"array","items":"F","z":1,"a":2}`, refs, true)
	if id != 2 || err != nil {
		t.Fatalf("Register with a reference = %d, %v", id, err)
	}
	const normal = `{"type":"array","items":"F","a":2,"z":1}`
	text, got, err := c.ByID(ctx, 2)
	if d := cmp.Diff(refs, got); d != "" || text != normal || err != nil {
		t.Errorf("ByID = %s, %v, %v", text, got, err)
	}
	id, version, err := c.Lookup(ctx, "c", `{"type":"array","items":"F","z":1,"a":2}`, refs, true)
	if id != 2 || version != 1 || err != nil {
		t.Errorf("Lookup = %d, %d, %v", id, version, err)
	}
	for _, asked := range []int{1, schemaregistry.Latest} {
		id, version, text, got, err = c.Version(ctx, "c", asked)
		if d := cmp.Diff(refs, got); d != "" || id != 2 || version != 1 || text != normal || err != nil {
			t.Errorf("Version(%d) = %d, %d, %s, %v, %v", asked, id, version, text, got, err)
		}
	}
}

func TestErrorsOfTheRegistry(t *testing.T) {
	ctx := t.Context()
	c := client(t, "schema.registry.url", registry(t, nil).URL+"/")
	if _, err := c.Register(ctx, "a", `"int"`, nil, false); err != nil {
		t.Fatal(err)
	}
	register := func(text string) error {
		_, err := c.Register(ctx, "a", text, nil, false)
		return err
	}
	_, _, lookup := c.Lookup(ctx, "a", `"long"`, nil, false)
	_, _, byID := c.ByID(ctx, 9)
	_, _, _, _, version := c.Version(ctx, "a b", 3)
	for _, tc := range []struct {
		name    string
		err     error
		want    schemaregistry.Error
		message string
	}{
		{"incompatible", register(`"string"`), schemaregistry.Error{Status: 409, Code: 409, Request: "POST /subjects/a/versions"}, "Schema being registered is incompatible"},
		{"invalid", register(`"nothing"`), schemaregistry.Error{Status: 422, Code: 42201, Request: "POST /subjects/a/versions"}, "Invalid schema"},
		{"unknown schema", lookup, schemaregistry.Error{Status: 404, Code: 40403, Request: "POST /subjects/a"}, "Schema not found"},
		{"unknown id", byID, schemaregistry.Error{Status: 404, Code: 40403, Request: "GET /schemas/ids/9"}, "Schema 9 not found"},
		{"unknown version", version, schemaregistry.Error{Status: 404, Code: 40401, Request: "GET /subjects/a%20b/versions/3"}, "Subject 'a b' not found."},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e *schemaregistry.Error
			if !errors.As(tc.err, &e) {
				t.Fatalf("error %v, want an *Error", tc.err)
			}
			got := *e
			got.Message = ""
			if d := cmp.Diff(tc.want, got); d != "" || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s\nmessage %s", d, e.Message)
			}
			if connect.IsRetriable(tc.err) {
				t.Error("the error is said to pass by itself")
			}
		})
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	for _, tc := range []struct {
		name, body string
		status     int
		retriable  bool
		want       string
	}{
		{"failing", `{"error_code":50001,"message":"Error in the backend data store"}`, 500, true, "schema registry: GET /schemas/ids/1: Error in the backend data store (error code 50001)"},
		{"away", "<html>", 503, true, `schema registry: GET /schemas/ids/1: 503 Service Unavailable "<html>" (error code 503)`},
		{"busy", "", 429, true, `schema registry: GET /schemas/ids/1: 429 Too Many Requests "" (error code 429)`},
		{"unauthorized", `{"error_code":401,"message":"Unauthorized"}`, 401, false, "schema registry: GET /schemas/ids/1: Unauthorized (error code 401)"},
		{"elsewhere", "", 302, false, `schema registry: GET /schemas/ids/1: 302 Found "" (error code 302)`},
		{"not JSON", "<html>", 200, false, "get the schema with id 1: read the registry's answer: invalid character '<' looking for beginning of value"},
		{"no schema", "{}", 200, false, "get the schema with id 1: the answer has no schema"},
		{"JSON Schema", `{"schemaType":"JSON","schema":"{}"}`, 200, false, "get the schema with id 1: the schema is of type JSON, not AVRO"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(tc.status)
				fmt.Fprint(w, tc.body)
			}))
			defer l.Close()
			_, _, err := client(t, "schema.registry.url", l.URL).ByID(t.Context(), 1)
			if err == nil || err.Error() != tc.want {
				t.Errorf("error %v\nwant  %s", err, tc.want)
			}
			if got := connect.IsRetriable(err); got != tc.retriable {
				t.Errorf("IsRetriable = %t", got)
			}
		})
	}
}

func TestServersAreTriedInTurn(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	var asked int
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer away.Close()
	good := registry(t, nil)
	c := client(t, "schema.registry.url", dead.URL+", "+away.URL+","+good.URL)
	for range 3 {
		if id, err := c.Register(t.Context(), "a", `"int"`, nil, false); id != 1 || err != nil {
			t.Fatalf("Register = %d, %v", id, err)
		}
	}
	if asked != 1 {
		t.Errorf("the server that is away was asked %d times, want once", asked)
	}
	_, err := client(t, "schema.registry.url", dead.URL).Register(t.Context(), "a", `"int"`, nil, false)
	if !connect.IsRetriable(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v, want a retriable one that says that the connection was refused", err)
	}
}

func TestTheContextEndsACall(t *testing.T) {
	entered, leave := make(chan struct{}, 8), make(chan struct{})
	l := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-leave
	}))
	defer l.Close()
	defer close(leave)
	reason := errors.New("the task stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-entered
		cancel(reason)
	}()
	_, _, err := client(t, "schema.registry.url", l.URL).ByID(ctx, 1)
	if !errors.Is(err, reason) || connect.IsRetriable(err) {
		t.Errorf("error %v, want %v", err, reason)
	}
	begin := time.Now()
	_, _, err = client(t, "schema.registry.url", l.URL, "http.read.timeout.ms", "20").ByID(t.Context(), 1)
	if !connect.IsRetriable(err) || time.Since(begin) > 30*time.Second {
		t.Errorf("error %v after %s, want a retriable one after the time-out", err, time.Since(begin))
	}
}

func TestCredentials(t *testing.T) {
	var got string
	l := registry(t, func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Authorization")
			h.ServeHTTP(w, r)
		})
	})
	withUser := strings.Replace(l.URL, "http://", "http://me:s%40cret@", 1)
	for _, tc := range []struct {
		name  string
		props []string
		want  string
	}{
		{"none", []string{"schema.registry.url", l.URL}, ""},
		{"in the URL", []string{"schema.registry.url", withUser}, "Basic bWU6c0BjcmV0"},
		{"user info", []string{"schema.registry.url", l.URL, "basic.auth.credentials.source", "USER_INFO", "basic.auth.user.info", "you:a:b"}, "Basic eW91OmE6Yg=="},
		{"old name", []string{"schema.registry.url", withUser, "schema.registry.basic.auth.user.info", "you:a:b"}, "Basic eW91OmE6Yg=="},
		{"bearer", []string{"schema.registry.url", l.URL, "bearer.auth.credentials.source", "STATIC_TOKEN", "bearer.auth.token", "tok"}, "Bearer tok"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := client(t, tc.props...).Register(t.Context(), "a", `"int"`, nil, false); err != nil || got != tc.want {
				t.Errorf("Authorization %q, error %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestSecretsStayOut(t *testing.T) {
	dead := httptest.NewServer(http.NotFoundHandler())
	dead.Close()
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }))
	defer refusing.Close()
	for _, props := range []map[string]string{
		{"schema.registry.url": strings.Replace(dead.URL, "//", "//me:s3cret@", 1)},
		{"schema.registry.url": strings.Replace(refusing.URL, "//", "//me:s3cret@", 1)},
		{"schema.registry.url": dead.URL, "bearer.auth.token": "s3cret"},
		{"schema.registry.url": dead.URL, "basic.auth.user.info": "me:s3cret"},
		{"schema.registry.url": dead.URL, "basic.auth.user.info": "s3cret"},
		{"schema.registry.url": "ftp://me:s3cret@host"},
		{"schema.registry.url": "http://me:s3cret@ho st"},
		{"schema.registry.url": "http://me:s3cret@host:port"},
		{"schema.registry.url": "https://h", "schema.registry.ssl.key.password": "s3cret"},
		{"schema.registry.url": "https://h", "schema.registry.ssl.keystore.certificate.chain": "x", "schema.registry.ssl.keystore.key": "s3cret"},
	} {
		c, err := schemaregistry.Open(props)
		if err == nil {
			_, err = c.Register(t.Context(), "a", `"int"`, nil, false)
		}
		if err == nil || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), "s3cret") {
			t.Errorf("%v: error %v", props, err)
		}
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	jks := filepath.Join(t.TempDir(), "store.jks")
	if err := os.WriteFile(jks, []byte{0xfe, 0xed, 0xfe, 0xed}, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ key, value, rule string }{
		{"schema.registry.url", "", ""},
		{"schema.registry.url", "localhost:8081", "is a list of http or https URLs"},
		{"http.read.timeout.ms", "0", ""},
		{"basic.auth.credentials.source", "SASL_INHERIT", "must be one of URL, USER_INFO"},
		{"basic.auth.credentials.source", "USER_INFO", "is a user name, a colon and a password"},
		{"bearer.auth.credentials.source", "OAUTHBEARER", "must be one of STATIC_TOKEN"},
		{"bearer.auth.credentials.source", "STATIC_TOKEN", "must be set for bearer.auth.credentials.source=STATIC_TOKEN"},
		{"schema.registry.ssl.protocol", "SSLv3", "must be one of TLS, TLSv1.2, TLSv1.3"},
		{"schema.registry.ssl.truststore.location", jks, "only PEM is read"},
		{"schema.registry.ssl.truststore.location", jks + ".none", "cannot be read"},
		{"schema.registry.ssl.truststore.certificates", "nothing", "holds no PEM certificate"},
		{"schema.registry.ssl.keystore.certificate.chain", "nothing", "holds no certificate chain with its private key"},
		{"schema.registry.ssl.key.password", "x", "encrypted private keys are not read"},
	} {
		t.Run(tc.key+"="+filepath.Base(tc.value), func(t *testing.T) {
			_, err := schemaregistry.Open(map[string]string{"schema.registry.url": "http://localhost", tc.key: tc.value})
			var errs connect.ConfigErrors
			if !errors.As(err, &errs) || !strings.Contains(err.Error(), tc.rule) {
				t.Errorf("error %v, want connect.ConfigErrors with %q", err, tc.rule)
			}
		})
	}
	_, err := schemaregistry.Open(map[string]string{"schema.registry.url": "http://localhost", "schema.registry.ssl.keystore.location": jks, "schema.registry.ssl.keystore.type": "PKCS12"})
	if err == nil || !strings.Contains(err.Error(), "PKCS12") {
		t.Errorf("error %v, want one that names PKCS12", err)
	}
}

func TestTLS(t *testing.T) {
	s, err := server.New(t.Context(), server.Options{Store: server.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	l := httptest.NewUnstartedServer(s)
	l.Config.ErrorLog = nil
	l.StartTLS()
	defer l.Close()
	text := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: l.Certificate().Raw}))
	file := filepath.Join(t.TempDir(), "trust.pem")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	otherName := strings.Replace(l.URL, "127.0.0.1", "localhost", 1)
	for _, tc := range []struct {
		name  string
		props []string
		ok    bool
	}{
		{"untrusted", []string{"schema.registry.url", l.URL}, false},
		{"inline", []string{"schema.registry.url", l.URL, "schema.registry.ssl.truststore.certificates", text, "schema.registry.ssl.protocol", "TLSv1.3"}, true},
		{"file", []string{"schema.registry.url", l.URL, "schema.registry.ssl.truststore.location", file, "schema.registry.ssl.truststore.type", "PEM"}, true},
		{"other name", []string{"schema.registry.url", otherName, "schema.registry.ssl.truststore.location", file}, false},
		{"name not checked", []string{"schema.registry.url", otherName, "schema.registry.ssl.truststore.location", file, "schema.registry.ssl.endpoint.identification.algorithm", ""}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := client(t, tc.props...).Register(t.Context(), "a", `"int"`, nil, false)
			if tc.ok != (err == nil) || connect.IsRetriable(err) {
				t.Errorf("error %v, want success: %t", err, tc.ok)
			}
		})
	}
}
