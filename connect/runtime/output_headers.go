// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"bytes"
	"slices"
	"strings"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/kafka"
)

// sharedHeaders are headers that many records have: they are encoded once. Records that
// share theirs have one slice of them.
type sharedHeaders struct {
	// seen is the slice of the record before.
	seen  *connect.Header
	topic string
	in    []connect.Header
	out   []kafka.Header
}

// find returns the encoding of these headers, nil if it is not known.
func (s *sharedHeaders) find(topic string, hs []connect.Header) []kafka.Header {
	if len(hs) != len(s.in) || topic != s.topic {
		return nil
	}
	for i := range hs {
		if !sameHeader(&hs[i], &s.in[i]) {
			return nil
		}
	}
	return s.out
}

// sameHeader compares headers with strings; others are taken to differ.
func sameHeader(a, b *connect.Header) bool {
	return a.Key == b.Key && a.Schema == b.Schema && a.Value.Kind() == connect.KindString && b.Value.Kind() == connect.KindString &&
		bytes.Equal(a.Value.Bytes(), b.Value.Bytes())
}

// keep takes note of an encoding, if two records in a row shared the slice: memory of
// the batch and of the unit is copied, which is not for headers that come once.
func (s *sharedHeaders) keep(topic string, hs []connect.Header, out []kafka.Header) {
	if s.seen != &hs[0] {
		s.seen = &hs[0]
		return
	}
	s.topic, s.in, s.out = strings.Clone(topic), make([]connect.Header, len(hs)), make([]kafka.Header, len(out))
	for i := range hs {
		key := strings.Clone(hs[i].Key)
		s.in[i] = connect.Header{Key: key, Schema: hs[i].Schema, Value: connect.Clone(hs[i].Value)}
		s.out[i] = kafka.Header{Key: key, Value: slices.Clone(out[i].Value)}
	}
}

func (w *topicWriter) headers(u *unit, r *connect.Record) ([]kafka.Header, *failure) {
	if hs := w.shared.find(r.Topic, r.Headers); hs != nil {
		return hs, nil
	}
	hs := u.scratch.takeHeaders(len(r.Headers))
	for i := range r.Headers {
		h := &r.Headers[i]
		hs[i].Key, hs[i].Value = h.Key, nil
		out, null, err := w.header.FromConnectHeader(u.scratch.tail(), r.Topic, h.Key, h.Schema, h.Value)
		if err != nil {
			return nil, &failure{stage: connect.StageHeaderConverter, class: w.header.class, err: err}
		}
		if !null {
			hs[i].Value = u.scratch.keep(out)
		}
	}
	w.shared.keep(r.Topic, r.Headers, hs)
	return hs, nil
}
