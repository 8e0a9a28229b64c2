// Package mqtt reads and writes the packets of MQTT 3.1.1 and MQTT 5, so that the
// server, the client and the tests share one understanding of the bytes.
//
// It does no input or output: Next cuts a packet off a byte slice, Decode turns it
// into a value, and Append of a value writes its bytes. Whatever arrives from a
// network is checked here, once: reserved bits, lengths, UTF-8, wildcards, which
// property may stand in which packet and how often. An error of this package
// carries the reason code that the other side may be told.
//
// Source: OASIS MQTT 3.1.1 (2014-10-29) and MQTT 5.0 (2019-03-07).
package mqtt
