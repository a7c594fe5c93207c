// SPDX-License-Identifier: Apache-2.0

package cartjoin

import (
	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/transforms/stored"
)

// ReadState tells the committed cart of a user, in the form in which the transform
// emits it. It may be called from any goroutine, beside Apply.
func (j *join) ReadState(a *connect.Arena, key connect.Value, get func(key []byte) ([]byte, bool)) (connect.Value, bool, error) {
	b, ok := get(stored.Append(nil, plain(key)))
	if !ok {
		return connect.Value{}, false, nil
	}
	c, err := parse(b)
	if err != nil {
		return connect.Value{}, false, err
	}
	paid, err := c.paid.values(a)
	if err != nil {
		return connect.Value{}, false, err
	}
	unpaid, err := c.unpaid.values(a)
	if err != nil {
		return connect.Value{}, false, err
	}
	return connect.Map([]connect.MapEntry{
		{Key: j.names[0], Value: key}, {Key: j.names[1], Value: connect.Array(paid)}, {Key: j.names[2], Value: connect.Array(unpaid)},
	}), true, nil
}
