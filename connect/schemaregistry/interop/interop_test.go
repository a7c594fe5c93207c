// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/riferrei/srclient"
	"github.com/twmb/franz-go/pkg/sr"
	"go.uber.org/goleak"

	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The client library's metrics have a goroutine for the whole process.
		goleak.IgnoreTopFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"),
		// franz-go's client has no Close; its connections end when they are idle.
		goleak.IgnoreTopFunction("internal/poll.runtime_pollWait"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"))
}

// registry starts an embedded registry on a broker and returns its URL.
func registry(t testing.TB, broker string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	settings, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": broker})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := kafka.Open(ctx, settings)
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.New(ctx, server.Options{Store: server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: brokertest.Topic(t, "schemas")})})
	if err != nil {
		t.Fatal(err)
	}
	l := httptest.NewServer(s)
	t.Cleanup(func() {
		l.Close()
		if err := errors.Join(s.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	})
	return l.URL
}

const (
	point  = `{"type":"record","name":"Point","fields":[{"name":"x","type":"int"}]}`
	point2 = `{"type":"record","name":"Point","fields":[{"name":"x","type":"int"},{"name":"y","type":"int","default":0}]}`
	broken = `{"type":"record","name":"Point","fields":[{"name":"x","type":"string"}]}`
)

func TestSrclient(t *testing.T) {
	c := srclient.NewSchemaRegistryClient(registry(t, brokertest.Start(t)))
	c.CachingEnabled(false)
	created, err := c.CreateSchema("a/b", point, srclient.Avro)
	if err != nil || created.ID() != 1 || created.Schema() != point {
		t.Fatalf("CreateSchema = %+v, %v", created, err)
	}
	if s, err := c.CreateSchema("a/b", point2, srclient.Avro); err != nil || s.ID() != 2 {
		t.Fatalf("CreateSchema = %+v, %v", s, err)
	}
	_, err = c.CreateSchema("a/b", broken, srclient.Avro)
	var e srclient.Error
	if !errors.As(err, &e) || e.Code != 409 {
		t.Errorf("an incompatible schema: %v", err)
	}
	if _, err := c.CreateSchema("a/b", "{}", srclient.Json); !errors.As(err, &e) || e.Code != 42201 || e.Message != "Invalid schema type JSON" {
		t.Errorf("a JSON Schema: %v", err)
	}
	list, err := c.CreateSchema("list", `{"type":"array","items":"Point"}`, srclient.Avro, srclient.Reference{Name: "Point", Subject: "a/b", Version: 1})
	if err != nil || list.ID() != 3 || len(list.References()) != 1 {
		t.Errorf("CreateSchema with a reference = %+v, %v", list, err)
	}
	if s, err := c.LookupSchema("a/b", point, srclient.Avro); err != nil || s.Version() != 1 || s.ID() != 1 {
		t.Errorf("LookupSchema = %+v, %v", s, err)
	}
	if s, err := c.GetLatestSchema("a/b"); err != nil || s.Version() != 2 || s.Schema() != point2 {
		t.Errorf("GetLatestSchema = %+v, %v", s, err)
	}
	if s, err := c.GetSchemaByVersion("a/b", 1); err != nil || s.ID() != 1 {
		t.Errorf("GetSchemaByVersion = %+v, %v", s, err)
	}
	if v, err := c.GetSchemaVersions("a/b"); err != nil || !slices.Equal(v, []int{1, 2}) {
		t.Errorf("GetSchemaVersions = %v, %v", v, err)
	}
	if v, err := c.GetSubjectVersionsById(1); err != nil || len(v) != 1 {
		t.Errorf("GetSubjectVersionsById = %v, %v", v, err)
	}
	if ok, err := c.IsSchemaCompatible("a/b", broken, "latest", srclient.Avro); err != nil || ok {
		t.Errorf("IsSchemaCompatible = %t, %v", ok, err)
	}
	if l, err := c.ChangeSubjectCompatibilityLevel("a/b", srclient.FullTransitive); err != nil || *l != srclient.FullTransitive {
		t.Errorf("ChangeSubjectCompatibilityLevel = %v, %v", l, err)
	}
	if l, err := c.GetCompatibilityLevel("a/b", false); err != nil || *l != srclient.FullTransitive {
		t.Errorf("GetCompatibilityLevel = %v, %v", l, err)
	}
	if l, err := c.GetGlobalCompatibilityLevel(); err != nil || *l != srclient.Backward {
		t.Errorf("GetGlobalCompatibilityLevel = %v, %v", l, err)
	}
	if err := c.DeleteSubject("list", true); err != nil {
		t.Error(err)
	}
	if err := c.DeleteSubjectByVersion("a/b", 2, false); err != nil {
		t.Error(err)
	}
	if s, err := c.GetSubjects(); err != nil || !slices.Equal(s, []string{"a/b"}) {
		t.Errorf("GetSubjects = %v, %v", s, err)
	}
}

func TestFranzGo(t *testing.T) {
	ctx := t.Context()
	c, err := sr.NewClient(sr.URLs(registry(t, brokertest.Start(t))))
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.CreateSchema(ctx, "a", sr.Schema{Schema: point})
	if d := cmp.Diff(sr.SubjectSchema{Subject: "a", Version: 1, ID: 1, Schema: sr.Schema{Schema: point}}, first); d != "" || err != nil {
		t.Fatalf("CreateSchema: %v\n%s", err, d)
	}
	if id, err := c.RegisterSchema(ctx, "a", sr.Schema{Schema: point2}, -1, -1); id != 2 || err != nil {
		t.Errorf("RegisterSchema = %d, %v", id, err)
	}
	if _, err := c.CreateSchema(ctx, "a", sr.Schema{Schema: broken}); !says(err, sr.ErrIncompatibleSchema) {
		t.Errorf("an incompatible schema: %v", err)
	}
	for _, kind := range []sr.SchemaType{sr.TypeJSON, sr.TypeProtobuf} {
		if _, err := c.CreateSchema(ctx, "a", sr.Schema{Schema: "{}", Type: kind}); !says(err, sr.ErrInvalidSchema) || !strings.Contains(err.Error(), "Invalid schema type") {
			t.Errorf("a schema of type %s: %v", kind, err)
		}
	}
	refs := []sr.SchemaReference{{Name: "Point", Subject: "a", Version: 1}}
	if s, err := c.CreateSchema(ctx, "list", sr.Schema{Schema: `{"type":"array","items":"Point"}`, References: refs}); err != nil || s.ID != 3 || !slices.Equal(s.References, refs) {
		t.Errorf("CreateSchema with a reference = %+v, %v", s, err)
	}
	if by, err := c.SchemaReferences(ctx, "a", 1); err != nil || len(by) != 1 || by[0].Subject != "list" {
		t.Errorf("SchemaReferences = %+v, %v", by, err)
	}
	if s, err := c.SchemaByVersion(ctx, "a", -1); err != nil || s.Version != 2 {
		t.Errorf("SchemaByVersion = %+v, %v", s, err)
	}
	if text, err := c.SchemaTextByVersion(ctx, "a", 1); err != nil || text != point {
		t.Errorf("SchemaTextByVersion = %s, %v", text, err)
	}
	if text, err := c.SchemaTextByID(ctx, 1); err != nil || text != point {
		t.Errorf("SchemaTextByID = %s, %v", text, err)
	}
	if all, err := c.AllSchemas(ctx); err != nil || len(all) != 3 {
		t.Errorf("AllSchemas = %+v, %v", all, err)
	}
	if check, err := c.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), "a", -1, sr.Schema{Schema: broken}); err != nil || check.Is || len(check.Messages) != 4 {
		t.Errorf("CheckCompatibility = %+v, %v", check, err)
	}
	if _, err := c.SchemaByID(ctx, 99); !says(err, sr.ErrSchemaNotFound) {
		t.Errorf("an unknown id: %v", err)
	}
	if _, err := c.DeleteSubject(ctx, "list", sr.HardDelete); !says(err, sr.ErrSubjectNotSoftDeleted) {
		t.Errorf("deleting for good at once: %v", err)
	}
	if gone, err := c.DeleteSubject(ctx, "list", sr.SoftDelete); err != nil || !slices.Equal(gone, []int{1}) {
		t.Errorf("DeleteSubject = %v, %v", gone, err)
	}
	if names, err := c.Subjects(sr.WithParams(ctx, sr.ShowDeleted)); err != nil || !slices.Equal(names, []string{"a", "list"}) {
		t.Errorf("Subjects = %v, %v", names, err)
	}
	settings(t, c)
}

// says reports whether the registry has answered with an error that franz-go knows.
func says(err error, want *sr.Error) bool {
	var e *sr.ResponseError
	return errors.As(err, &e) && e.SchemaError() == want
}

func settings(t *testing.T, c *sr.Client) {
	t.Helper()
	ctx := t.Context()
	if r := c.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFull}, "a")[0]; r.Err != nil || r.Level != sr.CompatFull {
		t.Errorf("SetCompatibility = %+v", r)
	}
	if r := c.Compatibility(ctx, "a")[0]; r.Err != nil || r.Level != sr.CompatFull {
		t.Errorf("Compatibility = %+v", r)
	}
	if r := c.ResetCompatibility(ctx, "a")[0]; r.Err != nil {
		t.Errorf("ResetCompatibility = %+v", r)
	}
	if r := c.SetMode(ctx, sr.ModeReadOnly, "a")[0]; r.Err != nil {
		t.Errorf("SetMode = %+v", r)
	}
	if _, err := c.CreateSchema(ctx, "a", sr.Schema{Schema: `"int"`}); !says(err, sr.ErrOperationNotPermitted) {
		t.Errorf("registering under a subject that is only read: %v", err)
	}
	if r := c.ResetMode(ctx, "a")[0]; r.Err != nil || r.Mode != sr.ModeReadOnly {
		t.Errorf("ResetMode = %+v", r)
	}
	if names, err := c.Contexts(ctx); err != nil || !slices.Equal(names, []string{"."}) {
		t.Errorf("Contexts = %v, %v", names, err)
	}
	if types, err := c.SupportedTypes(ctx); err != nil || !slices.Equal(types, []sr.SchemaType{sr.TypeAvro}) {
		t.Errorf("SupportedTypes = %v, %v", types, err)
	}
}
