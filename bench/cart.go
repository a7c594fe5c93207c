// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// makeCarts returns n events of this many users: an order, or, every second time that
// a user has unpaid orders, a payment of one of them. About five of eight are orders.
func makeCarts(n, users int) []byte {
	r := rand.New(rand.NewPCG(7, 0))
	unpaid := make([][]int, users)
	text := make([]byte, 0, n*60)
	next := 1
	for range n {
		u := r.IntN(users)
		kind, id := "order", next
		if q := unpaid[u]; len(q) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(q))
			kind, id = "payment", q[i]
			unpaid[u] = append(q[:i], q[i+1:]...)
		} else {
			unpaid[u] = append(q, id)
			next++
		}
		text = fmt.Appendf(text, `{"user_id": "u%d", "type": "%s", "order_id": %d}`+"\n", u, kind, id)
	}
	return text
}

// measureCart: file of JSON → CartJoin with its state → topic of JSON.
func measureCart(ctx context.Context, s *session) error {
	text := makeCarts(s.events, s.users)
	path := filepath.Join(s.dir, "carts.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	var join rates
	var memory, note string
	for round := range s.rounds {
		// A new daemon each time: the state of an earlier round would be in its memory.
		if err := func() (err error) {
			name := fmt.Sprintf("carts-%d", round)
			d, err := s.start(ctx, name)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, d.stop()) }()
			took, err := d.feed(ctx, name, map[string]string{
				"connector.class": "FileStreamSource", "file": path, "format": "json", "topic": name,
				"key.converter": stringConverter, "value.converter": jsonConverter, "value.converter.schemas.enable": "false",
				"transforms": "join", "transforms.join.type": "CartJoin",
			}, int64(len(text)), s.events)
			if err != nil {
				return err
			}
			join.add(s.events, took)
			transactions, err := d.count(ctx, name, s.events)
			note = fmt.Sprintf("%d users, %d events a transaction", s.users, s.events/max(transactions, 1))
			memory = readMemory(d.process.PID()).String()
			return err
		}(); err != nil {
			return err
		}
	}
	s.report.rate("cart join, JSON in and out", join, "events/s", 200_000, note)
	s.report.line("memory after the cart join", memory, "")
	return nil
}
