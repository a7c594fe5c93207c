// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgproto3"
)

// hostile stands before a server and hands everything on, but for the stream: in place of
// that the client gets what the script plays.
type hostile struct {
	target string
	script func(p *play)
	wait   sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn
}

// startHostile returns the address of a server that plays the script.
func startHostile(t *testing.T, target string, script func(p *play)) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{target: target, script: script}
	t.Cleanup(func() {
		_ = l.Close()
		h.mu.Lock()
		for _, c := range h.conns {
			_ = c.Close()
		}
		h.mu.Unlock()
		h.wait.Wait()
	})
	h.wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			h.mu.Lock()
			h.conns = append(h.conns, client)
			h.mu.Unlock()
			h.wait.Go(func() { h.serve(client) })
		}
	})
	return l.Addr().String()
}

func (h *hostile) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	startup, err := readMessage(client, 4)
	if err != nil {
		return
	}
	server, err := net.Dial("tcp", h.target)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(startup); err != nil {
		return
	}
	back := make(chan struct{})
	go func() {
		_, _ = io.Copy(client, server)
		close(back)
	}()
	start := handOn(client, server)
	_ = server.Close()
	<-back
	if start == "" {
		return
	}
	p := &play{conn: client}
	p.at = startOf(start)
	left := make(chan struct{})
	go func() {
		defer close(left)
		for {
			m, err := readMessage(client, 5)
			if err != nil {
				return
			}
			p.hear(m)
		}
	}()
	p.left = left
	p.send(mustEncode(&pgproto3.CopyBothResponse{}))
	h.script(p)
	<-left
}

// handOn copies messages of the client until it starts the stream.
func handOn(client io.Reader, server io.Writer) string {
	for {
		m, err := readMessage(client, 5)
		if err != nil {
			return ""
		}
		if m[0] == 'Q' && bytes.Contains(m, []byte("START_REPLICATION")) {
			return string(m[5:])
		}
		if _, err := server.Write(m); err != nil {
			return ""
		}
	}
}

func startOf(statement string) uint64 {
	_, rest, _ := strings.Cut(statement, "LOGICAL ")
	at, err := pglogrepl.ParseLSN(strings.Fields(rest)[0])
	if err != nil {
		return 0
	}
	return uint64(at)
}

// play is one stream of a hostile server. A client that is gone ends it quietly.
type play struct {
	conn net.Conn
	at   uint64
	gone bool
	// asked is how often the client wanted an answer, and left is closed when it is gone.
	asked atomic.Int32
	left  <-chan struct{}
}

// hear notes what a client says: of its reports of positions the last byte wants an answer.
func (p *play) hear(m []byte) {
	if m[0] == 'd' && len(m) > 5 && m[5] == 'r' && m[len(m)-1] == 1 {
		p.asked.Add(1)
	}
}

func (p *play) send(b []byte) {
	if _, err := p.conn.Write(b); err != nil {
		p.gone = true
	}
}

// copyData sends a frame.
func (p *play) copyData(frame []byte) { p.send(mustEncode(&pgproto3.CopyData{Data: frame})) }

func mustEncode(m pgproto3.BackendMessage) []byte {
	b, err := m.Encode(nil)
	if err != nil {
		panic(err)
	}
	return b
}

// message sends a message of the output plugin.
func (p *play) message(m []byte) {
	frame := append([]byte{frameData}, make([]byte, 24)...)
	p.at += 8
	binary.BigEndian.PutUint64(frame[1:], p.at)
	binary.BigEndian.PutUint64(frame[9:], p.at)
	p.copyData(append(frame, m...))
}

func (p *play) begin(xid uint32) {
	b := binary.BigEndian.AppendUint64([]byte{'B'}, p.at+1000)
	p.message(binary.BigEndian.AppendUint32(append(b, make([]byte, 8)...), xid))
}

func (p *play) commit() {
	b := binary.BigEndian.AppendUint64([]byte{'C', 0}, p.at+1000)
	b = binary.BigEndian.AppendUint64(b, p.at+1008)
	p.message(append(b, make([]byte, 8)...))
}

// relation describes the table a with the given number of columns.
func (p *play) relation(columns uint16) {
	b := append([]byte{'R', 0, 0, 0, 1}, "public\x00a\x00d"...)
	b = binary.BigEndian.AppendUint16(b, columns)
	for i := range columns {
		b = append(b, map[bool]byte{true: 1, false: 0}[i == 0])
		b = append(b, map[bool]string{true: "id\x00", false: "v\x00"}[i == 0]...)
		b = append(b, 0, 0, 0, map[bool]byte{true: 23, false: 25}[i == 0], 0xff, 0xff, 0xff, 0xff)
	}
	p.message(b)
}

// insert sends a row of texts.
func (p *play) insert(values ...string) {
	b := append([]byte{'I', 0, 0, 0, 1, 'N'}, 0, byte(len(values)))
	for _, v := range values {
		b = append(binary.BigEndian.AppendUint32(append(b, 't'), uint32(len(v))), v...)
	}
	p.message(b)
}
