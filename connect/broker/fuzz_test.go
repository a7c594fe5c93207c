// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"bytes"
	"context"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// script is a client that has sent all its bytes and reads nothing of interest.
type script struct {
	in  *bytes.Reader
	out bytes.Buffer
}

type scriptAddr struct{}

func (scriptAddr) Network() string { return "script" }
func (scriptAddr) String() string  { return "127.0.0.1:1" }

func (s *script) Read(p []byte) (int, error)     { return s.in.Read(p) }
func (s *script) Write(p []byte) (int, error)    { return s.out.Write(p) }
func (*script) Close() error                     { return nil }
func (*script) LocalAddr() net.Addr              { return scriptAddr{} }
func (*script) RemoteAddr() net.Addr             { return scriptAddr{} }
func (*script) SetDeadline(time.Time) error      { return nil }
func (*script) SetReadDeadline(time.Time) error  { return nil }
func (*script) SetWriteDeadline(time.Time) error { return nil }

// FuzzConnection serves arbitrary bytes on a connection: the broker must neither
// panic nor hang, and whatever it answers must be whole responses.
func FuzzConnection(f *testing.F) {
	b, err := Start(context.Background(), Options{Dir: f.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	format := kmsg.NewRequestFormatter(kmsg.FormatterClientID("fuzz"))
	for _, a := range b.apis {
		if a.handle == nil && a.raw == nil {
			continue
		}
		for _, v := range []int16{a.first, a.last} {
			r := kmsg.RequestForKey(a.key)
			r.SetVersion(v)
			f.Add(format.AppendRequest(nil, r, 7))
		}
	}
	f.Add(manyTags)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, p []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		s := &script{in: bytes.NewReader(p)}
		c := newConn(b, s)
		_ = c.serve(ctx) // malformed requests are its errors
		checkFrames(t, s.out.Bytes())
	})
}

func checkFrames(t *testing.T, p []byte) {
	t.Helper()
	for len(p) > 0 {
		d := decoder{p: p}
		n := int(d.int32())
		if d.take(n); d.bad || n < 4 {
			t.Fatalf("response of %d bytes among %d", n, len(p))
		}
		p = d.p
	}
}

// FuzzProduce decodes arbitrary bodies of Produce requests of all versions and
// encodes what became of them.
func FuzzProduce(f *testing.F) {
	b, err := Start(context.Background(), Options{Dir: f.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = b.Close() })
	for v := int16(0); v <= 11; v++ {
		r := kmsg.NewPtrProduceRequest()
		r.SetVersion(v)
		r.Acks = -1
		r.Topics = []kmsg.ProduceRequestTopic{{Topic: "t", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: []byte("x")}, {Partition: 1}}}, {}}
		f.Add(v, r.AppendTo(nil))
	}
	f.Fuzz(func(t *testing.T, version int16, body []byte) {
		a := b.find(0, version)
		if a == nil {
			return
		}
		s := &script{in: bytes.NewReader(nil)}
		c := newConn(b, s)
		q := call{api: a, version: version, flexible: version >= a.flexible, body: body}
		q.out = begin(nil, q)
		if err := c.produce(t.Context(), &q); err != nil || s.out.Len() == 0 {
			return
		}
		header := 8
		if q.flexible {
			header = 9
		}
		res := kmsg.NewPtrProduceResponse()
		res.SetVersion(version)
		if err := res.ReadFrom(s.out.Bytes()[header:]); err != nil {
			t.Fatalf("version %d: the response cannot be decoded: %v", version, err)
		}
	})
}

func TestServeEndsWithTheClient(t *testing.T) {
	b, err := Start(t.Context(), Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for name, in := range map[string]string{"at once": "", "within the size": "\x00\x00", "within the request": "\x00\x00\x00\x10\x00\x03\x00\x01"} {
		err := newConn(b, &script{in: bytes.NewReader([]byte(in))}).serve(t.Context())
		if in == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if in != "" && err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
