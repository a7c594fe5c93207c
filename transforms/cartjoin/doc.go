// SPDX-License-Identifier: Apache-2.0

// Package cartjoin joins the orders and payments of a user into one cart.
//
// An event comes in as a record whose value holds a user, a type and an order id
// (join.go reads and checks it). The user's cart is found in state, changed by the
// event, and stored again (cart.go works on the stored bytes, without making lists of
// them). Then the whole cart goes out as a record with the user as its key: one
// output for each event, whether it changed the cart or not. What cannot be read as
// an event is refused as a record error and leaves the cart as it was.
package cartjoin
