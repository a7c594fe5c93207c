// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert/avro"
	"github.com/connectd/connectd/connect/schemaregistry"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

// registered makes a converter over a registry that is reached by HTTP.
func registered(t *testing.T, url string, props map[string]string) connect.Converter {
	t.Helper()
	p := avro.Plugin(avro.PluginOptions{DefaultURL: url, Open: func(props map[string]string) (avro.Registry, error) { return schemaregistry.Open(props) }})
	c, errs := p.Config.Parse(props)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	made, err := p.New(connect.ConverterContext{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := made.(connect.Closer).Close(); err != nil {
			t.Error(err)
		}
	})
	return made
}

func serve(t *testing.T) *httptest.Server {
	t.Helper()
	s, err := server.New(context.Background(), server.Options{Store: server.NewMemoryStore()})
	if err != nil {
		t.Fatal(err)
	}
	h := httptest.NewServer(s)
	t.Cleanup(func() {
		h.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func account(fields func(*connect.Builder)) *connect.Schema {
	b := connect.NewStruct("bank.Account").Field("id", connect.Int64Schema)
	fields(b)
	return b.MustBuild()
}

func of(s *connect.Schema, values ...connect.Value) connect.Value {
	return connect.StructValue(&connect.Struct{Schema: s, Values: values})
}

// TestASchemaGrowsInTheRegistry adds a field with a default and then one without: the
// first becomes a version as which old messages are read, the second is refused.
func TestASchemaGrowsInTheRegistry(t *testing.T) {
	h := serve(t)
	c := registered(t, h.URL, nil)
	first := account(func(*connect.Builder) {})
	second := account(func(b *connect.Builder) {
		b.Field("currency", connect.NewSchema(connect.TypeString).Default(connect.String("EUR")).MustBuild())
	})
	third := account(func(b *connect.Builder) { b.Field("owner", connect.StringSchema) })

	old, _, err := c.FromConnect(nil, "accounts", first, of(first, connect.Int64(1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.FromConnect(nil, "accounts", second, of(second, connect.Int64(2), connect.String("USD"))); err != nil {
		t.Fatal(err)
	}
	_, _, err = c.FromConnect(nil, "accounts", third, of(third, connect.Int64(3), connect.String("me")))
	var data *connect.DataError
	if !errors.As(err, &data) || connect.IsRetriable(err) || data.Field != "owner" {
		t.Fatalf("a field without a default: %v", err)
	}
	for _, want := range []string{"subject accounts-value", "409", "incompatible", "READER_FIELD_MISSING_DEFAULT_VALUE"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
	for reader, want := range map[string]string{"": "", "latest": "EUR", "subject:accounts-value:2": "EUR"} {
		s, v, err := registered(t, h.URL, map[string]string{"reader.schema": reader}).ToConnect(new(connect.Arena), "accounts", old)
		if err != nil {
			t.Fatal(err)
		}
		number, _ := s.Version()
		if currency, _ := v.Get("currency"); currency.Str() != want || (want == "") != (number == 1) {
			t.Errorf("reader %q: currency %q, version %d", reader, currency.Str(), number)
		}
	}
}

func TestARegistryThatIsDownMayComeBack(t *testing.T) {
	h := serve(t)
	c := registered(t, h.URL, nil)
	h.Close()
	s := account(func(*connect.Builder) {})
	if _, _, err := c.FromConnect(nil, "accounts", s, of(s, connect.Int64(1))); !connect.IsRetriable(err) {
		t.Errorf("writing: %v", err)
	}
	if _, _, err := c.ToConnect(new(connect.Arena), "accounts", []byte{0, 0, 0, 0, 1, 2}); !connect.IsRetriable(err) {
		t.Errorf("reading: %v", err)
	}
}
