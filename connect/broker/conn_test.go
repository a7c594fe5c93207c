// SPDX-License-Identifier: Apache-2.0

package broker_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connect/broker"
	"github.com/connectd/connectd/connect/broker/brokertest"
)

// wire is a connection without a client library.
type wire struct {
	net.Conn
	corr int32
}

func dial(t testing.TB, addr string) *wire {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	must(t, err)
	t.Cleanup(func() { _ = nc.Close() })
	must(t, nc.SetDeadline(time.Now().Add(patience)))
	return &wire{Conn: nc}
}

// frame encodes a request with its header.
func (w *wire) frame(r kmsg.Request) []byte {
	w.corr++
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("wire")).AppendRequest(nil, r, w.corr)
}

// read reads a response and returns its body behind the header.
func (w *wire) read(flexible bool) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(w, head[:]); err != nil {
		return nil, err
	}
	p := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(w, p); err != nil {
		return nil, err
	}
	n := 4
	if flexible {
		n = 5
	}
	if len(p) < n || int32(binary.BigEndian.Uint32(p)) != w.corr {
		return nil, fmt.Errorf("response header %x is not that of request %d", p[:min(len(p), n)], w.corr)
	}
	return p[n:], nil
}

func (w *wire) call(t testing.TB, r kmsg.Request) kmsg.Response {
	t.Helper()
	_, err := w.Write(w.frame(r))
	must(t, err)
	body, err := w.read(r.IsFlexible() && r.Key() != 18)
	must(t, err)
	res := r.ResponseKind()
	must(t, res.ReadFrom(body))
	if again := res.AppendTo(nil); !bytes.Equal(again, body) {
		t.Errorf("%s version %d: the response %x is not the codec's %x", kmsg.NameForKey(r.Key()), r.GetVersion(), body, again)
	}
	return res
}

// TestEveryVersion sends a request of each version that the broker says it
// supports; call compares what comes back with the codec's encoding.
func TestEveryVersion(t *testing.T) {
	addr := brokertest.StartEmbedded(t, broker.Options{}).Addr()
	w := dial(t, addr)
	list := kmsg.NewPtrApiVersionsRequest()
	apis := w.call(t, list).(*kmsg.ApiVersionsResponse).ApiKeys
	if len(apis) < 35 {
		t.Fatalf("%d APIs are listed", len(apis))
	}
	for _, a := range apis {
		for v := a.MinVersion; v <= a.MaxVersion; v++ {
			t.Run(fmt.Sprintf("%s/%d", kmsg.NameForKey(a.ApiKey), v), func(t *testing.T) {
				r := kmsg.RequestForKey(a.ApiKey)
				if v > r.MaxVersion() {
					t.Fatalf("version %d is unknown to the codec", v)
				}
				r.SetVersion(v)
				fill(r)
				dial(t, addr).call(t, r)
			})
		}
	}
}

// fill sets what a request must have to be answered.
func fill(r kmsg.Request) {
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		r.Acks = -1
		r.Topics = []kmsg.ProduceRequestTopic{{Topic: "none", Partitions: []kmsg.ProduceRequestTopicPartition{{Records: []byte{1}}}}}
	case *kmsg.FetchRequest:
		r.Topics = []kmsg.FetchRequestTopic{{Topic: "none", Partitions: []kmsg.FetchRequestTopicPartition{{}, {Partition: 1}}}}
	case *kmsg.OffsetFetchRequest:
		r.Group = "none"
		r.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "none"}}
	}
}

func TestUnknownApiVersionsVersion(t *testing.T) {
	w := dial(t, brokertest.Start(t))
	r := kmsg.NewPtrApiVersionsRequest()
	r.SetVersion(3)
	p := w.frame(r)
	binary.BigEndian.PutUint16(p[6:], 99)
	_, err := w.Write(p)
	must(t, err)
	body, err := w.read(false)
	must(t, err)
	res := kmsg.NewPtrApiVersionsResponse()
	must(t, res.ReadFrom(body))
	if kerr.ErrorForCode(res.ErrorCode) != kerr.UnsupportedVersion || len(res.ApiKeys) == 0 || res.ApiKeys[0].ApiKey != 18 {
		t.Errorf("answered %+v", res)
	}
}

func TestHostileBytes(t *testing.T) {
	size := func(n int32, rest ...byte) []byte {
		return append(binary.BigEndian.AppendUint32(nil, uint32(n)), rest...)
	}
	header := func(key, version int16, rest ...byte) []byte {
		p := binary.BigEndian.AppendUint16(nil, uint16(key))
		p = binary.BigEndian.AppendUint16(p, uint16(version))
		p = append(p, 0, 0, 0, 1, 0xff, 0xff)
		p = append(p, rest...)
		return size(int32(len(p)), p...)
	}
	cases := map[string][]byte{
		"http":                     []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
		"negative size":            size(-1, 0, 0, 0, 0),
		"tiny size":                size(1, 0, 0, 0, 0),
		"beyond the limit":         size(101<<20, 0, 0, 0, 9),
		"large for its kind":       size(9<<20, 0, 3, 0, 9),
		"unknown key":              header(999, 0),
		"negative key":             header(-7, 0),
		"unsupported version":      header(3, 99),
		"negative version":         header(3, -1),
		"key not served":           header(4, 0),
		"bad client id":            size(10, 0, 3, 0, 1, 0, 0, 0, 1, 0x7f, 0xff),
		"array longer than bytes":  header(3, 1, 0x7f, 0xff, 0xff, 0xff),
		"produce array":            header(0, 7, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x7f, 0xff, 0xff, 0xff),
		"produce records":          header(0, 7, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 'a', 0, 0, 0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff),
		"produce cut short":        header(0, 7, 0xff),
		"endless tags":             header(18, 3, 0xff, 0xff, 0xff, 0xff, 0x07),
		"varint without an end":    header(18, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
		"fetch array":              append(header(1, 11), 0),
		"announced and never sent": size(90<<20, 0, 0, 0, 7, 0, 0, 0, 1),
	}
	b := brokertest.StartEmbedded(t, broker.Options{})
	before := allocated()
	for name, p := range cases {
		t.Run(name, func(t *testing.T) {
			w := dial(t, b.Addr())
			_, err := w.Write(p)
			must(t, err)
			must(t, w.Conn.(*net.TCPConn).CloseWrite())
			if _, err := io.Copy(io.Discard, w); err != nil && !isReset(err) {
				t.Errorf("connection was not closed: %v", err)
			}
		})
	}
	res := dial(t, b.Addr()).call(t, kmsg.NewPtrMetadataRequest()).(*kmsg.MetadataResponse)
	if len(res.Brokers) != 1 {
		t.Errorf("the broker does not answer any more: %+v", res)
	}
	after := allocated()
	if got := after - before; got > 32<<20 {
		t.Errorf("hostile requests made the broker allocate %d MiB", got>>20)
	}
}

// allocated is the number of bytes allocated so far, freed ones included.
func allocated() uint64 {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return mem.TotalAlloc
}

func isReset(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout()
}

func TestManyConnections(t *testing.T) {
	addr := brokertest.Start(t)
	topic := brokertest.Topic(t, "many")
	createTopic(t, newKgo(t, addr), topic, 4)
	const clients, each = 200, 5
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	for c := range clients {
		wg.Go(func() {
			w := dial(t, addr)
			for i := range each {
				r := kmsg.NewPtrProduceRequest()
				r.SetVersion(9)
				r.Acks, r.TimeoutMillis = -1, 10_000
				r.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{
					{Partition: int32(c % 4), Records: batch(batchSpec{values: []string{fmt.Sprint(c, i)}, plain: true})},
				}}}
				res := w.call(t, r).(*kmsg.ProduceResponse)
				if err := kerr.ErrorForCode(res.Topics[0].Partitions[0].ErrorCode); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		t.Error(err)
	}
	if got := values(t, addr, topic, clients*each); len(got) != clients*each {
		t.Errorf("read %d records, want %d", len(got), clients*each)
	}
}

func TestConnectionLimit(t *testing.T) {
	b := brokertest.StartEmbedded(t, broker.Options{MaxConnections: 2})
	first, second := dial(t, b.Addr()), dial(t, b.Addr())
	first.call(t, kmsg.NewPtrMetadataRequest())
	second.call(t, kmsg.NewPtrMetadataRequest())
	if _, err := dial(t, b.Addr()).Read(make([]byte, 1)); err == nil {
		t.Error("a third connection was served")
	}
	must(t, first.Close())
	await(t, "room for another", func() bool {
		w := dial(t, b.Addr())
		_, err := w.Write(w.frame(kmsg.NewPtrMetadataRequest()))
		if err != nil {
			return false
		}
		_, err = w.read(false)
		return err == nil
	})
}

func TestIdleConnectionIsClosed(t *testing.T) {
	b := brokertest.StartEmbedded(t, broker.Options{IdleTimeout: 20 * time.Millisecond})
	if _, err := dial(t, b.Addr()).Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("idle connection: %v", err)
	}
}

// TestLongPoll shows that a fetch waits for data, answers as soon as there is
// enough, and gives up after its time.
func TestLongPoll(t *testing.T) {
	addr := brokertest.Start(t)
	cl := newKgo(t, addr)
	topic := brokertest.Topic(t, "poll")
	createTopic(t, cl, topic, 1)
	fetch := func(wait int32, minBytes int32) *kmsg.FetchRequest {
		r := kmsg.NewPtrFetchRequest()
		r.SetVersion(11)
		r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = wait, minBytes, 1<<20, -1
		p := kmsg.NewFetchRequestTopicPartition()
		p.PartitionMaxBytes = 1 << 20
		r.Topics = []kmsg.FetchRequestTopic{{Topic: topic, Partitions: []kmsg.FetchRequestTopicPartition{p}}}
		return r
	}
	w := dial(t, addr)
	begun := time.Now()
	if got := w.call(t, fetch(50, 1)).(*kmsg.FetchResponse); len(got.Topics[0].Partitions[0].RecordBatches) != 0 {
		t.Errorf("an empty topic gave %+v", got)
	}
	if took := time.Since(begun); took < 50*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
	one := batch(batchSpec{values: []string{"one"}, plain: true})
	r := fetch(15_000, int32(2*len(one)))
	_, err := w.Write(w.frame(r))
	must(t, err)
	for range 2 {
		must(t, kerr.ErrorForCode(produceRaw(t, cl, topic, 0, nil, one).ErrorCode))
	}
	begun = time.Now()
	body, err := w.read(false)
	must(t, err)
	res := r.ResponseKind().(*kmsg.FetchResponse)
	must(t, res.ReadFrom(body))
	if got := len(res.Topics[0].Partitions[0].RecordBatches); got != 2*len(one) || time.Since(begun) > 5*time.Second {
		t.Errorf("%d bytes after %v, want %d at once", got, time.Since(begun), 2*len(one))
	}
}

// TestCloseEndsWaiting closes a broker while a fetch and a join wait.
func TestCloseEndsWaiting(t *testing.T) {
	b, err := broker.Start(context.Background(), broker.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	must(t, err)
	cl := newKgo(t, b.Addr())
	createTopic(t, cl, "t", 1)
	fetching := dial(t, b.Addr())
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(11)
	r.MaxWaitMillis, r.MinBytes, r.MaxBytes, r.SessionEpoch = 60_000, 1, 1<<20, -1
	r.Topics = []kmsg.FetchRequestTopic{{Topic: "t", Partitions: []kmsg.FetchRequestTopicPartition{{PartitionMaxBytes: 1 << 20}}}}
	_, err = fetching.Write(fetching.frame(r))
	must(t, err)
	one := joinConnect(t, b.Addr(), "g")
	two := &connectMember{t: t, broker: dialSarama(t, b.Addr()), group: "g"}
	joined := make(chan error, 1)
	go func() { joined <- two.join() }()
	await(t, "the call to rejoin", func() bool { return one.heartbeat() != nil })
	begun := time.Now()
	must(t, b.Close())
	must(t, b.Close())
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("closing took %v", took)
	}
	if err := receive(t, joined); err == nil {
		t.Error("the join was answered by a closed broker")
	}
}

// TestRestart restarts a broker on its directory.
func TestRestart(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(context.Background(), broker.Options{Dir: dir, Listen: "127.0.0.1:0"})
	must(t, err)
	cl := newKgo(t, b.Addr())
	createTopic(t, cl, "t", 1)
	must(t, cl.ProduceSync(testContext(t), &kgo.Record{Topic: "t", Value: []byte("kept")}).FirstErr())
	s := newSession(t, b.Addr(), "id")
	must(t, s.addOffsets("g"))
	must(t, s.commitOffset("g", "", -1, "t", 1))
	must(t, s.end(true))
	must(t, b.Close())

	if _, err := broker.Start(context.Background(), broker.Options{Listen: "127.0.0.1:0"}); err == nil {
		t.Error("a broker started without a directory")
	}
	again := brokertest.StartEmbedded(t, broker.Options{Dir: dir})
	if got := values(t, again.Addr(), "t", 1); got[0] != "0/kept" {
		t.Errorf("read %v", got)
	}
	if o := fetchOffset(t, newKgo(t, again.Addr()), "g", "t", true); o.Offset != 1 {
		t.Errorf("offset %+v", o)
	}
	if _, err := broker.Start(context.Background(), broker.Options{Dir: dir, Listen: "127.0.0.1:0"}); err == nil {
		t.Error("two brokers share a directory")
	}
}
