// SPDX-License-Identifier: Apache-2.0

package state

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// collide keeps three bits of a hash: the two uppermost and the lowest that an index
// sees, so that most keys share their home, and many all of their bits.
const collide = 3<<62 | 1<<refBits

func TestStoreWithCollidingKeysDoesWhatAMapDoes(t *testing.T) {
	for name, mask := range map[string]uint64{"all bits": ^uint64(0), "three bits": collide, "none": 0, "the last home": 1 << 40} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				h := newHasher()
				h.mask = mask
				s := newMemoryStore(h, true)
				model := map[string]string{}
				key := rapid.Custom(func(t *rapid.T) string { return "\x03" + rapid.StringN(0, 2, 4).Draw(t, "key") })
				t.Repeat(map[string]func(*rapid.T){
					"put": func(t *rapid.T) {
						k, v := key.Draw(t, "k"), string(rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "v"))
						s.put([]byte(k), []byte(v))
						model[k] = v
					},
					"remove": func(t *rapid.T) {
						k := key.Draw(t, "k")
						s.remove([]byte(k))
						delete(model, k)
					},
					"remove one": func(t *rapid.T) {
						if len(model) == 0 {
							return
						}
						k := rapid.SampledFrom(slices.Sorted(maps.Keys(model))).Draw(t, "k")
						s.remove([]byte(k))
						delete(model, k)
					},
					"": func(t *rapid.T) { checkStore(t, s, model) },
				})
			})
		})
	}
}

func checkStore(t *rapid.T, s *memoryStore, model map[string]string) {
	size := 0
	for k, v := range model {
		got, ok, _ := s.get(s.hash(k[0], []byte(k[1:])), k[0], []byte(k[1:]), nil)
		if !ok || string(got) != v {
			t.Fatalf("get(%q) = %q, %v, want %q", k, got, ok, v)
		}
		size += len(k) + len(v)
	}
	if s.data.index.count != len(model) || s.size != int64(size) {
		t.Fatalf("%d keys of %d bytes, want %d of %d", s.data.index.count, s.size, len(model), size)
	}
	var walked, ordered []string
	for next, done := uint64(0), false; !done; {
		next, done = s.data.index.walk(next, func(k ref) bool {
			walked = append(walked, string(s.data.keyAt(k)))
			return false // stop as often as possible
		})
	}
	slices.Sort(walked)
	c := &entriesCursor{e: &s.data}
	for c.seek(nil); c.key() != nil; c.next() {
		ordered = append(ordered, string(c.key()))
	}
	want := slices.Sorted(maps.Keys(model))
	if !slices.Equal(walked, want) || !slices.Equal(ordered, want) {
		t.Fatalf("walked %q, in order %q, want %q", walked, ordered, want)
	}
}

// TestWalkMeetsWhatStays is what a snapshot depends on: a walk with changes between its
// steps meets each key that is there all the time exactly once.
func TestWalkMeetsWhatStays(t *testing.T) {
	for name, mask := range map[string]uint64{"all bits": ^uint64(0), "few bits": 0xff << 56, "three bits": collide} {
		t.Run(name, func(t *testing.T) {
			h := newHasher()
			h.mask = mask
			s := newMemoryStore(h, false)
			key := func(kind byte, i int) []byte { return append([]byte{tagValue, kind}, benchKey(i)...) }
			for i := range 300 {
				s.put(key('s', i), nil)
				s.put(key('g', i), nil)
			}
			met := map[string]int{}
			steps := 0
			for next, done := uint64(0), false; !done; steps++ {
				next, done = s.data.index.walk(next, func(k ref) bool {
					met[string(s.data.keyAt(k))]++
					return false
				})
				if steps >= 300 {
					continue
				}
				s.remove(key('g', steps))
				for j := range 10 {
					s.put(key('n', 10*steps+j), nil)
				}
			}
			for i := range 300 {
				if n := met[string(key('s', i))]; n != 1 {
					t.Fatalf("key %d was met %d times", i, n)
				}
			}
		})
	}
}

func TestOrderSplitsAndEmptiesLeaves(t *testing.T) {
	const n = 5 * leafSize
	for name, at := range map[string]func(i int) int{
		"rising":    func(i int) int { return i },
		"falling":   func(i int) int { return n - 1 - i },
		"scattered": func(i int) int { return i * 1021 % n },
	} {
		t.Run(name, func(t *testing.T) {
			var e entries
			e.scans = true
			h := newHasher()
			key := func(i int) []byte { return []byte{byte(i >> 8), byte(i)} }
			for i := range n {
				k := key(at(i))
				e.setValue(e.insert(h.hash(tagValue, k), tagValue, k), e.newValue(k))
			}
			checkOrder(t, &e, 0, n, key)
			if name == "rising" && len(e.sorted.leaves) != n/leafSize {
				t.Fatalf("%d leaves for rising keys, want full ones", len(e.sorted.leaves))
			}
			for i := range n {
				if at(i) < n/2 {
					k := key(at(i))
					hash := h.hash(tagValue, k)
					e.remove(hash, e.find(hash, tagValue, k))
				}
			}
			checkOrder(t, &e, n/2, n, key)
		})
	}
}

func checkOrder(t *testing.T, e *entries, from, to int, key func(int) []byte) {
	t.Helper()
	c := &entriesCursor{e: e}
	c.seek(nil)
	for i := from; i < to; i++ {
		if !bytes.Equal(c.key(), append([]byte{tagValue}, key(i)...)) || !bytes.Equal(c.value(), key(i)) {
			t.Fatalf("key %x with %x at place %d", c.key(), c.value(), i)
		}
		c.next()
	}
	if c.key() != nil {
		t.Fatalf("key %x after the last", c.key())
	}
}

func TestBlocksGiveRoomThatIsNotShared(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b blocks
		type block struct {
			r    ref
			n    int
			fill byte
		}
		var held []block
		t.Repeat(map[string]func(*rapid.T){
			"alloc": func(t *rapid.T) {
				n := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 70_000)).Draw(t, "n")
				blk := block{b.alloc(n), n, rapid.Byte().Draw(t, "fill")}
				if blk.r <= tombstone || uint64(blk.r) > refMask {
					t.Fatalf("ref %d", blk.r)
				}
				copy(b.at(blk.r)[:n], bytes.Repeat([]byte{blk.fill}, n))
				held = append(held, blk)
			},
			"release": func(t *rapid.T) {
				if len(held) == 0 {
					return
				}
				i := rapid.IntRange(0, len(held)-1).Draw(t, "i")
				b.release(held[i].r, held[i].n)
				held = slices.Delete(held, i, i+1)
			},
			"reset": func(t *rapid.T) {
				if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
					b.reset()
					held = nil
				}
			},
			"": func(t *rapid.T) {
				for _, blk := range held {
					if got := b.at(blk.r)[:blk.n]; bytes.Count(got, []byte{blk.fill}) != blk.n {
						t.Fatalf("block %d of %d bytes was written by another", blk.r, blk.n)
					}
				}
			},
		})
	})
}

func TestClassesHoldTheirSizes(t *testing.T) {
	last := -1
	for n := range maxSmall + 1 {
		class, size := classOf(n)
		if size < n || size%8 != 0 || class < last || class >= classes {
			t.Fatalf("class %d of size %d for %d bytes", class, size, n)
		}
		if n > 16 && size > n+n/4+8 {
			t.Fatalf("size %d for %d bytes", size, n)
		}
		last = class
	}
}

func TestFreedRoomIsUsedAgain(t *testing.T) {
	s := newMemoryStore(newHasher(), false)
	value := make([]byte, 1000)
	for i := range 200_000 {
		s.put([]byte{tagValue, byte(i % 50)}, value[:i%1000])
		if i%3 == 0 {
			s.remove([]byte{tagValue, byte(i % 50)})
		}
	}
	if held := s.data.mem.held(); held > 1<<20 {
		t.Fatalf("%d bytes are held for 50 keys", held)
	}
}
