package main

import (
	"io"
	"net"
	"sync"
)

// wire is a network cable that can be cut: what a device says to the server goes
// through it, and while it is cut nothing does, and nobody is told.
type wire struct {
	listener net.Listener
	mu       sync.Mutex
	server   string
	mended   chan struct{} // nil: whole
	pairs    map[net.Conn]net.Conn
}

func newWire(server string) (*wire, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &wire{listener: l, server: server, pairs: map[net.Conn]net.Conn{}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.carry(c)
		}
	}()
	return w, nil
}

func (w *wire) whole() chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mended
}

// to leads the wire to a server that started again.
func (w *wire) to(server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = server
}

func (w *wire) carry(device net.Conn) {
	if w.whole() != nil {
		device.Close()
		return
	}
	w.mu.Lock()
	address := w.server
	w.mu.Unlock()
	server, err := net.Dial("tcp", address)
	if err != nil {
		device.Close()
		return
	}
	w.mu.Lock()
	w.pairs[device] = server
	w.mu.Unlock()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{device, server}, {server, device}} {
		both.Go(func() {
			w.copy(way[1], way[0])
			if mended := w.whole(); mended != nil {
				<-mended // the other end hears nothing of this
			}
			way[1].Close()
			way[0].Close()
		})
	}
	both.Wait()
	w.mu.Lock()
	delete(w.pairs, device)
	w.mu.Unlock()
}

func (w *wire) copy(to io.Writer, from io.Reader) {
	block := make([]byte, 32<<10)
	for {
		n, err := from.Read(block)
		if mended := w.whole(); mended != nil {
			<-mended
			return // what was on the way when it was cut is lost
		}
		if n > 0 {
			if _, err := to.Write(block[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mended = make(chan struct{})
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	close(w.mended)
	w.mended = nil
}

// reset breaks what is connected, as a router does that restarts.
func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for device, server := range w.pairs {
		for _, c := range []net.Conn{device, server} {
			if t, ok := c.(*net.TCPConn); ok {
				t.SetLinger(0)
			}
			c.Close()
		}
	}
}
