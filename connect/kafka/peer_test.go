// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"crypto/tls"
	"encoding/binary"
	"hash/crc32"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// peer is a broker that answers by a script: what answer returns, or what peer knows
// by itself about a topic "t" of one partition, led by broker lead.
type peer struct {
	net.Listener
	t      *testing.T
	id     int32
	others []*peer
	answer func(req kmsg.Request) kmsg.Response

	mu    sync.Mutex
	tls   *tls.Config // nil for connections in the clear
	lead  int32
	conns []net.Conn
	wg    sync.WaitGroup
}

func newPeer(t *testing.T, id int32, answer func(kmsg.Request) kmsg.Response) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{Listener: l, t: t, id: id, lead: id, answer: answer}
	p.others = []*peer{p}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			_ = c.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

// encrypt makes it take no connection in the clear from now on.
func (p *peer) encrypt(conf *tls.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tls = conf
}

func (p *peer) accept() {
	defer p.wg.Done()
	for {
		c, err := p.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		if p.tls != nil {
			c = tls.Server(c, p.tls)
		}
		p.conns = append(p.conns, c)
		p.mu.Unlock()
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			defer func() { _ = c.Close() }()
			for p.serve(c) == nil {
			}
		}()
	}
}

func (p *peer) serve(c net.Conn) error {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return err
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(c, body); err != nil {
		return err
	}
	req := kmsg.RequestForKey(int16(binary.BigEndian.Uint16(body)))
	req.SetVersion(int16(binary.BigEndian.Uint16(body[2:])))
	header := 10 + max(0, int(int16(binary.BigEndian.Uint16(body[8:]))))
	if req.IsFlexible() {
		header++ // no tags
	}
	if err := req.ReadFrom(body[header:]); err != nil {
		return err
	}
	resp := p.answer(req)
	if resp == nil {
		resp = p.known(req)
	}
	resp.SetVersion(req.GetVersion())
	out := append(make([]byte, 4), body[4:8]...)
	if resp.IsFlexible() && resp.Key() != 18 {
		out = append(out, 0)
	}
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	_, err := c.Write(out)
	return err
}

func (p *peer) known(req kmsg.Request) kmsg.Response {
	switch r := req.(type) {
	case *kmsg.ApiVersionsRequest:
		resp := kmsg.NewPtrApiVersionsResponse()
		for key := range int16(40) {
			if k := kmsg.RequestForKey(key); k != nil {
				resp.ApiKeys = append(resp.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: key, MaxVersion: k.MaxVersion()})
			}
		}
		return resp
	case *kmsg.MetadataRequest:
		return p.metadata()
	case *kmsg.InitProducerIDRequest:
		resp := kmsg.NewPtrInitProducerIDResponse()
		resp.ProducerID = 1
		return resp
	default:
		p.t.Errorf("unexpected request %T %+v", r, r)
		return req.ResponseKind()
	}
}

func (p *peer) metadata() kmsg.Response {
	resp := kmsg.NewPtrMetadataResponse()
	for _, o := range p.others {
		host, port, _ := net.SplitHostPort(o.Addr().String())
		n, _ := strconv.Atoi(port)
		resp.Brokers = append(resp.Brokers, kmsg.MetadataResponseBroker{NodeID: o.id, Host: host, Port: int32(n)})
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	name := "t"
	part := kmsg.NewMetadataResponseTopicPartition()
	part.Leader = p.lead
	resp.Topics = []kmsg.MetadataResponseTopic{{Topic: &name, Partitions: []kmsg.MetadataResponseTopicPartition{part}}}
	return resp
}

// open returns a cluster that begins with this peer.
func (p *peer) open() *Cluster {
	p.t.Helper()
	s, errs := ParseSettings(map[string]string{"bootstrap.servers": p.Addr().String()})
	if len(errs) > 0 {
		p.t.Fatal(errs)
	}
	c, err := Open(within(p.t), s)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = c.Close() })
	return c
}

// batchOf encodes a batch whose offsets reach from first to last.
func batchOf(first, last int64, values ...string) []byte {
	b := kmsg.RecordBatch{FirstOffset: first, Magic: 2, LastOffsetDelta: int32(last - first), ProducerID: -1, ProducerEpoch: -1, NumRecords: int32(len(values))}
	for i, v := range values {
		r := kmsg.Record{OffsetDelta: int32(i), Value: []byte(v)}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		b.Records = r.AppendTo(b.Records)
	}
	b.Length = int32(len(b.AppendTo(nil)) - 12)
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

func fetched(code int16, end int64, batches []byte) kmsg.Response {
	part := kmsg.NewFetchResponseTopicPartition()
	part.ErrorCode, part.HighWatermark, part.LastStableOffset, part.RecordBatches = code, end, end, batches
	resp := kmsg.NewPtrFetchResponse()
	resp.Topics = []kmsg.FetchResponseTopic{{Topic: "t", Partitions: []kmsg.FetchResponseTopicPartition{part}}}
	return resp
}

func offsetAt(offset int64) kmsg.Response {
	part := kmsg.NewListOffsetsResponseTopicPartition()
	part.Offset = offset
	resp := kmsg.NewPtrListOffsetsResponse()
	resp.Topics = []kmsg.ListOffsetsResponseTopic{{Topic: "t", Partitions: []kmsg.ListOffsetsResponseTopicPartition{part}}}
	return resp
}
