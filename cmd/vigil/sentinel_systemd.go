package main

import (
	"net"
	"time"
)

// heartbeat tells systemd that the sentinel lives (sd_notify(3), WatchdogSec=), so
// that one that hangs is started again. Without systemd it does nothing.
type heartbeat struct {
	conn net.Conn
	last time.Time
}

// ready says that the start is over.
func (h *heartbeat) ready(getenv func(string) string) {
	path := getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return // systemd will see that nothing comes
	}
	h.conn = conn
	h.conn.Write([]byte("READY=1"))
}

// beat is called by the loop that judges: it is that loop which must not stop.
func (h *heartbeat) beat() {
	if h.conn == nil || time.Since(h.last) < 2*time.Second {
		return
	}
	h.last = time.Now()
	h.conn.Write([]byte("WATCHDOG=1"))
}
