// SPDX-License-Identifier: Apache-2.0

package kafka

import (
	"unsafe"

	"github.com/IBM/sarama"
)

// recordSlab hands out the library's records and headers from memory that is used again.
type recordSlab struct {
	records []sarama.Record
	refs    []*sarama.Record
	used    int

	heads    []sarama.RecordHeader
	headRefs []*sarama.RecordHeader
	headUsed int
	// shared are headers that were taken in last, and what was made of them: records of
	// one source usually have the same ones.
	shared     []Header
	sharedRefs []*sarama.RecordHeader
}

func (s *recordSlab) reset() {
	clear(s.records[:s.used])
	clear(s.heads[:s.headUsed])
	s.used, s.headUsed, s.shared, s.sharedRefs = 0, 0, nil, nil
}

func (s *recordSlab) take(n int) []*sarama.Record {
	if n > len(s.records)-s.used {
		// What was handed out before keeps the old memory.
		s.records, s.used = make([]sarama.Record, max(n, 2*len(s.records), 256)), 0
		s.refs = make([]*sarama.Record, len(s.records))
		for i := range s.records {
			s.refs[i] = &s.records[i]
		}
	}
	out := s.refs[s.used : s.used+n : s.used+n]
	s.used += n
	return out
}

var emptyKey = []byte{}

func (s *recordSlab) headers(hs []Header) []*sarama.RecordHeader {
	switch {
	case len(hs) == 0:
		return nil
	case len(hs) == len(s.shared) && &hs[0] == &s.shared[0]:
		return s.sharedRefs
	}
	out := s.takeHeads(len(hs))
	for i := range hs {
		// The library only reads what it is given.
		out[i].Key, out[i].Value = unsafe.Slice(unsafe.StringData(hs[i].Key), len(hs[i].Key)), hs[i].Value
		if len(hs[i].Key) == 0 {
			out[i].Key = emptyKey // nil would be written as null, which brokers refuse
		}
	}
	s.shared, s.sharedRefs = hs, out
	return out
}

func (s *recordSlab) takeHeads(n int) []*sarama.RecordHeader {
	if n > len(s.heads)-s.headUsed {
		s.heads, s.headUsed = make([]sarama.RecordHeader, max(n, 2*len(s.heads), 64)), 0
		s.headRefs = make([]*sarama.RecordHeader, len(s.heads))
		for i := range s.heads {
			s.headRefs[i] = &s.heads[i]
		}
	}
	out := s.headRefs[s.headUsed : s.headUsed+n : s.headUsed+n]
	s.headUsed += n
	return out
}
