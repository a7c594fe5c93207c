// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"log/slog"
	"slices"
	"testing"

	"github.com/connectd/connectd/connect"
)

func TestKeepaliveMovesThePlace(t *testing.T) {
	for _, c := range []struct {
		name   string
		before place
		open   bool
		at     lsn
		want   lsn
		commit lsn
	}{
		{"between transactions", place{end: 10}, false, 30, 30, 0},
		{"an older one", place{end: 40}, false, 30, 40, 0},
		{"in a transaction", place{end: 10}, true, 30, 10, 0},
		{"before a transaction that comes again", place{end: 10, commit: 20, ordinal: 1}, false, 15, 10, 20},
		{"behind a transaction that does not come again", place{end: 10, commit: 20, ordinal: 1}, false, 30, 30, 0},
		{"before the transaction of an offset of the original", place{end: 10, lsn: 12, foreign: true}, false, 30, 10, 0},
	} {
		e := &emitter{place: c.before, tx: transaction{open: c.open}}
		e.keepalive(c.at)
		if e.place.end != c.want || e.place.commit != c.commit {
			t.Errorf("%s: the place is at %s in %s, want %s in %s", c.name, e.place.end, e.place.commit, c.want, c.commit)
		}
	}
}

func TestSequence(t *testing.T) {
	for _, c := range []struct {
		commit, at lsn
		want       string
	}{{0, 7, `[null,"7"]`}, {5, 7, `["5","7"]`}, {5, 0, `["5",null]`}, {1<<64 - 1, 1<<64 - 1, `["18446744073709551615","18446744073709551615"]`}} {
		if got := sequence(new(connect.Arena), c.commit, c.at).Str(); got != c.want {
			t.Errorf("sequence of %d and %d is %s, want %s", c.commit, c.at, got, c.want)
		}
	}
}

// TestCountsAreInTheOrderOfJava has what java.util.HashMap gives for these names.
func TestCountsAreInTheOrderOfJava(t *testing.T) {
	c := counts{}
	for _, name := range []string{"public.trunc_a", "public.trunc_b", "public.trunc_b"} {
		c.next(name)
	}
	var got []string
	for _, n := range c.sorted() {
		got = append(got, n.name)
	}
	if !slices.Equal(got, []string{"public.trunc_b", "public.trunc_a"}) || c.total != 3 {
		t.Errorf("the order is %v, the sum %d", got, c.total)
	}
}

// TestEndOfATransactionWithoutChanges goes on behind each record of a transaction that has
// nothing but its begin and its end.
func TestEndOfATransactionWithoutChanges(t *testing.T) {
	s := mustParse(t, "provide.transaction.metadata", "true")
	records := func(from place) (statuses []string, places []place) {
		e := newEmitter(s, connect.SourceTaskContext{Log: slog.New(slog.DiscardHandler)}, nil, nil)
		e.place = from
		b := &connect.Batch{}
		e.use(b)
		if e.begin(90, 0, 7); !e.tx.skip {
			e.transactionBegin(80)
		}
		if err := e.commit(95, 90); err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			status, _ := b.Records[i].Value.Get("status")
			statuses, places = append(statuses, status.Str()), append(places, placeOf(b, i))
		}
		return statuses, places
	}
	all, places := records(place{end: 10})
	if !slices.Equal(all, []string{"BEGIN", "END"}) {
		t.Fatalf("the records are %v", all)
	}
	if rest, _ := records(places[0]); !slices.Equal(rest, []string{"END"}) {
		t.Errorf("behind BEGIN come %v, want END", rest)
	}
	if rest, _ := records(places[1]); len(rest) > 0 {
		t.Errorf("behind END come %v", rest)
	}
}

func TestContentFollowsTheMode(t *testing.T) {
	for mode, want := range map[string]string{"bytes": "\xfb\xff", "base64": "+/8=", "base64-url-safe": "-_8=", "hex": "fbff"} {
		v := content(new(connect.Arena), mode, []byte{0xfb, 0xff})
		if string(v.Bytes()) != want {
			t.Errorf("%s gives %q, want %q", mode, v.Bytes(), want)
		}
		if err := connect.Check(contentSchema(mode), v); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
}
