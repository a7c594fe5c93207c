// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// keySilence and keyLifetime are the keys that say when a connection is given up.
const (
	keySilence  = "database.silence.timeout.ms"
	keyLifetime = "slot.connection.lifetime.ms"
)

// meter counts what is read.
type meter struct {
	r    io.Reader
	read int64
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.read += int64(n)
	return n, err
}

// silence tells when a server that says nothing is to be asked, and when it is to be
// taken for gone. A server that is asked answers at once, also one that has nothing to
// send, unless it is busy decoding what is not published; then it may be silent for longer
// than is allowed, and would be given up again and again. So the time doubles with each
// connection that ends like this where the one before had ended.
type silence struct {
	// allowed is the time of the settings, 0 for any; now is that of this connection.
	allowed, now time.Duration
	// given is how many connections were given up at the position at.
	given int
	at    lsn

	looked time.Time
	read   int64
	lasted time.Duration
	// asked is what had lasted when the server was asked; 0 if it was not.
	asked time.Duration
}

// mostDoubled is how often the time doubles at most.
const mostDoubled = 6

// begin is for a new connection, which starts at a position.
func (q *silence) begin(allowed time.Duration, at lsn, now time.Time) {
	if at > q.at {
		q.at, q.given = at, 0
	}
	*q = silence{allowed: allowed, now: allowed << min(q.given, mostDoubled), given: q.given, at: q.at, looked: now}
}

// look is called now and then, with what has been read so far. Of the time between two
// looks no more counts than two usual pauses: what is longer was not spent listening, but
// waiting for room.
func (q *silence) look(now time.Time, read int64) (ask, gone bool) {
	passed := min(now.Sub(q.looked), 2*ackPause)
	q.looked = now
	if read != q.read {
		q.read, q.lasted, q.asked = read, 0, 0
		return false, false
	}
	q.lasted += passed
	switch {
	case q.now <= 0:
		return false, false
	case q.asked == 0:
		ask = q.lasted > 0 && q.lasted >= q.now/2
		if ask {
			q.asked = q.lasted
		}
		return ask, false
	}
	return false, q.lasted-q.asked >= q.now/2
}

// silentError says that the server is taken for gone. It is no net.Error: a timeout there
// means that nothing has come yet.
type silentError struct{ lasted time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("the server has said nothing for %s, and does not answer; see %s", e.lasted.Round(time.Millisecond), keySilence)
}

// errRenewed says that a connection has lived as long as it may.
var errRenewed = errors.New("the connection has lived for " + keyLifetime)

// listen is called when nothing has come for a while.
func (st *stream) listen(now time.Time) error {
	ask, gone := st.silence.look(now, st.wire.meter.read)
	if ask {
		st.reply.Store(true)
	}
	if !gone {
		return st.renew(now)
	}
	st.silence.given++
	st.silence.at = st.next
	return &silentError{st.silence.lasted}
}

// renew ends a connection that has lived long enough, between transactions. What the
// server streams of those in progress comes again: it is waited for up to twice the time.
func (st *stream) renew(now time.Time) error {
	most := st.s.Slot.Lifetime
	if st.open || most <= 0 || now.Sub(st.began) < most {
		return nil
	}
	if st.inProgress != nil && (st.inProgress.block != 0 || st.inProgress.spool.Len() > 0) && now.Sub(st.began) < 2*most {
		return nil
	}
	return errRenewed
}
