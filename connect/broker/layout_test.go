// SPDX-License-Identifier: Apache-2.0

package broker

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// manyTags is a heartbeat of version 4 that announces 2^28-1 tagged fields and
// has none.
var manyTags = []byte("\x00\x00\x00\x17\x00\x0c\x00\x04\x00\x00\x00\x07\x00\x00\x00" +
	"\x01\x00\x00\x00\x01\x01\x00" + endless)

// endless is a number of tagged fields that takes seconds to count down, and
// largest is the largest one.
const (
	endless = "\xff\xff\xff\xff\x00"
	largest = "\xff\xff\xff\xff\x0f"
)

func TestEndlessTagsAreRefusedAtOnce(t *testing.T) {
	b, err := Start(t.Context(), Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if len(manyTags) != 27 {
		t.Fatalf("the request has %d bytes", len(manyTags))
	}
	start := time.Now()
	err = newConn(b, &script{in: bytes.NewReader(manyTags)}).serve(t.Context())
	if !errors.Is(err, errRequest) {
		t.Errorf("error %v, want %v", err, errRequest)
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("refused after %v", took)
	}
}

// flexibleVersions calls fn with each flexible version that kmsg decodes.
func flexibleVersions(t *testing.T, fn func(t *testing.T, a *api, version int16)) {
	t.Helper()
	table := apis()
	for i := range table {
		a := &table[i]
		if a.name == "" || a.name == "Produce" {
			continue // Produce is decoded by hand
		}
		for v := a.flexible; v <= a.last; v++ {
			fn(t, a, v)
		}
	}
}

// filled returns a request whose fields are drawn from rnd, with unknown tagged
// fields in its structures.
func filled(a *api, version int16, rnd *rand.Rand) kmsg.Request {
	r := kmsg.RequestForKey(a.key)
	fill(reflect.ValueOf(r).Elem(), rnd)
	r.SetVersion(version)
	return r
}

func fill(v reflect.Value, rnd *rand.Rand) {
	if tags, ok := v.Addr().Interface().(*kmsg.Tags); ok {
		for range rnd.IntN(3) {
			tags.Set(100+rnd.Uint32N(1000), []byte(endless)[:rnd.IntN(6)])
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rnd)
		}
	case reflect.Pointer:
		if rnd.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem(), rnd)
		}
	case reflect.Slice:
		fillSlice(v, rnd)
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), rnd)
		}
	default:
		fillScalar(v, rnd)
	}
}

func fillSlice(v reflect.Value, rnd *rand.Rand) {
	n := rnd.IntN(4)
	if n == 3 {
		return // null, where that is allowed
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		fill(v.Index(i), rnd)
	}
}

func fillScalar(v reflect.Value, rnd *rand.Rand) {
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"", "t", endless, largest + endless, string(make([]byte, 200))}[rnd.IntN(5)])
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.Uint8:
		v.SetUint(rnd.Uint64N(256))
	default:
		v.SetInt([]int64{-1, 0, 1, rnd.Int64()}[rnd.IntN(4)] >> (64 - v.Type().Bits()))
	}
}

// TestLayoutsAreThoseOfTheCodec walks what the codec encodes: the walk must end
// at the last byte, whatever the fields hold.
func TestLayoutsAreThoseOfTheCodec(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	versions := 0
	flexibleVersions(t, func(t *testing.T, a *api, version int16) {
		versions++
		for range 200 {
			body := filled(a, version, rnd).AppendTo(nil)
			d := decoder{p: body}
			if a.layout.walk(&d, version); d.bad || len(d.p) > 0 {
				t.Fatalf("%s version %d: bad=%v with %d bytes left of %x", a.name, version, d.bad, len(d.p), body)
			}
			q := call{api: a, version: version, flexible: true, body: body}
			r := kmsg.RequestForKey(a.key)
			r.SetVersion(version)
			if err := q.decode(r); err != nil {
				t.Fatalf("%s version %d: decode %x: %v", a.name, version, body, err)
			}
			if again := r.AppendTo(nil); !bytes.Equal(again, body) {
				t.Fatalf("%s version %d: %x became %x", a.name, version, body, again)
			}
		}
	})
	if versions < 70 {
		t.Errorf("only %d versions of requests were walked", versions)
	}
}

// TestEndlessTagsAnywhere puts a large number of tagged fields wherever a request
// may have a number of them: each must be decoded or refused at once.
func TestEndlessTagsAnywhere(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	refused := 0
	flexibleVersions(t, func(t *testing.T, a *api, version int16) {
		body := filled(a, version, rnd).AppendTo(nil)
		for i := range body {
			head, rest := string(body[:i]), string(body[i+1:])
			for _, bad := range []string{head + endless, head + endless + rest, head + largest} {
				if decodeAtOnce(t, a, version, []byte(bad)) != nil {
					refused++
				}
			}
		}
	})
	if refused == 0 {
		t.Error("no request was refused")
	}
}

// decodeAtOnce decodes the body of a request, and fails if that takes long.
func decodeAtOnce(t *testing.T, a *api, version int16, body []byte) error {
	t.Helper()
	q := call{api: a, version: version, flexible: true, body: body}
	r := kmsg.RequestForKey(a.key)
	r.SetVersion(version)
	start := time.Now()
	err := q.decode(r)
	if took := time.Since(start); took > time.Second {
		t.Fatalf("%s version %d: decoding %x took %v", a.name, version, body, took)
	}
	return err
}

func TestTaggedStructuresAreWalked(t *testing.T) {
	a := &apis()[1]
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(15)
	r.ReplicaState.ID, r.ReplicaState.Epoch = 7, 8
	body := r.AppendTo(nil)
	d := decoder{p: body}
	if a.layout.walk(&d, 15); d.bad || len(d.p) > 0 {
		t.Fatalf("bad=%v with %d bytes left of %x", d.bad, len(d.p), body)
	}
	// The value, of 13 bytes, ends with its number of tagged fields.
	end := len(body) - 1
	size := bytes.LastIndexByte(body, 13)
	if size < 0 || end-size != 13 {
		t.Fatalf("the tagged structure is not at the end of %x", body)
	}
	body[size] += 4
	if err := decodeAtOnce(t, a, 15, append(body[:end:end], endless...)); !errors.Is(err, errRequest) {
		t.Errorf("error %v, want %v", err, errRequest)
	}
}

// BenchmarkWalk walks a fetch of 1,000 partitions.
func BenchmarkWalk(b *testing.B) {
	a := &apis()[1]
	r := kmsg.NewPtrFetchRequest()
	r.SetVersion(18)
	r.Topics = []kmsg.FetchRequestTopic{{Partitions: make([]kmsg.FetchRequestTopicPartition, 1000)}}
	for i := range r.Topics[0].Partitions {
		r.Topics[0].Partitions[i].Default()
	}
	q := call{api: a, version: 18, flexible: true, body: r.AppendTo(nil)}
	run := map[string]func(){
		"walk":   func() { d := decoder{p: q.body}; a.layout.walk(&d, q.version) },
		"decode": func() { _ = q.decode(r) },
	}
	for name, fn := range run {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fn()
			}
		})
	}
}
