// SPDX-License-Identifier: Apache-2.0

package cartjoin

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/stored"
)

// version is the first byte of a stored cart.
const version = 1

var errDamaged = errors.New("the stored cart is damaged")

// ids is a list of encoded ids: stored bytes, with up to one id taken out and one
// added. Changes move no bytes; they are written when the cart is.
type ids struct {
	n          int
	head, tail []byte // what is stored, around an id that was taken out
	added      []byte
}

func (l *ids) size() int { return len(l.head) + len(l.tail) + len(l.added) }

// find returns where an encoded id stands in head; -1 if it does not.
func (l *ids) find(id []byte) (at int, err error) {
	for at := 0; at < len(l.head); {
		n, err := stored.Size(l.head[at:])
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errDamaged, err)
		}
		if n == len(id) && bytes.Equal(l.head[at:at+n], id) {
			return at, nil
		}
		at += n
	}
	return -1, nil
}

// take removes the id that find found.
func (l *ids) take(at int, id []byte) {
	l.tail = l.head[at+len(id):]
	l.head = l.head[:at]
	l.n--
}

func (l *ids) add(id []byte) {
	l.added = id
	l.n++
}

func (l *ids) appendTo(dst []byte) []byte {
	return append(append(append(dst, l.head...), l.tail...), l.added...)
}

// cart is one user's state. Stored, it is the version, the number of ignored
// events, the number of ids and of bytes of each list, and the lists.
type cart struct {
	// ignored counts events that changed nothing: an order or a payment that had
	// come before, and a payment without its order.
	ignored uint64
	// paid is in the order of payment, unpaid and early in the order of arrival. An id
	// is in one of them at most.
	paid, unpaid, early ids
}

func parse(b []byte) (cart, error) {
	var c cart
	if len(b) == 0 || b[0] != version {
		return c, errDamaged
	}
	var head [7]uint64
	b = b[1:]
	for i := range head {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return c, errDamaged
		}
		head[i], b = n, b[size:]
	}
	c.ignored = head[0]
	for i, l := range []*ids{&c.paid, &c.unpaid, &c.early} {
		n, size := head[1+2*i], head[2+2*i]
		if size > uint64(len(b)) || n > size {
			return c, errDamaged
		}
		l.n, l.head, b = int(n), b[:size], b[size:]
	}
	if len(b) != 0 {
		return c, errDamaged
	}
	return c, nil
}

// appendTo appends the stored form.
func (c *cart) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, version), c.ignored)
	for _, l := range []*ids{&c.paid, &c.unpaid, &c.early} {
		dst = binary.AppendUvarint(dst, uint64(l.n))
		dst = binary.AppendUvarint(dst, uint64(l.size()))
	}
	dst = c.paid.appendTo(dst)
	dst = c.unpaid.appendTo(dst)
	return c.early.appendTo(dst)
}

// ignore counts an event whose id stands in one of the lists as ignored.
func (c *cart) ignore(id []byte, lists ...*ids) (known bool, err error) {
	for _, l := range lists {
		at, err := l.find(id)
		if err != nil {
			return false, err
		}
		if at >= 0 {
			c.ignored++
			return true, nil
		}
	}
	return false, nil
}

// order puts an order in, unless it is known. An order whose payment was kept is
// paid at once.
func (c *cart) order(id []byte) error {
	if known, err := c.ignore(id, &c.unpaid, &c.paid); known || err != nil {
		return err
	}
	at, err := c.early.find(id)
	if err != nil {
		return err
	}
	if at < 0 {
		c.unpaid.add(id)
		return nil
	}
	c.early.take(at, id)
	c.paid.add(id)
	return nil
}

// payment moves an order to the paid ones. One without its order is kept, if keep
// says so, or ignored.
func (c *cart) payment(id []byte, keep bool) error {
	at, err := c.unpaid.find(id)
	if err != nil {
		return err
	}
	if at >= 0 {
		c.unpaid.take(at, id)
		c.paid.add(id)
		return nil
	}
	if keep {
		return c.keep(id)
	}
	c.ignored++
	return nil
}

func (c *cart) keep(id []byte) error {
	if known, err := c.ignore(id, &c.paid, &c.early); known || err != nil {
		return err
	}
	c.early.add(id)
	return nil
}

// values reads a list that has not been changed since it was parsed.
func (l *ids) values(a *connect.Arena) ([]connect.Value, error) {
	out, b := a.Values(l.n), l.head
	for i := range out {
		var err error
		if out[i], b, err = stored.Read(a, b); err != nil {
			return nil, fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	if len(b) != 0 {
		return nil, errDamaged
	}
	return out, nil
}
