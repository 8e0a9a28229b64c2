package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// syncMillis returns the p99, in milliseconds, of writing 4 KiB at random into a
// preallocated file of dir and syncing it: what the disk itself can promise in
// this minute. It stands beside every latency, because on a shared machine the
// disk changes more between minutes than servers differ.
func syncMillis(dir string, during time.Duration) (p99 float64, err error) {
	const block, blocks = 4096, 4096
	f, err := os.Create(filepath.Join(dir, "sync.probe"))
	if err != nil {
		return 0, fmt.Errorf("probe the disk: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.Write(make([]byte, block*blocks)); err != nil {
		return 0, fmt.Errorf("probe the disk: %w", err)
	}
	if err := f.Sync(); err != nil {
		return 0, fmt.Errorf("probe the disk: %w", err)
	}
	var took []time.Duration
	data := make([]byte, block)
	for end, i := time.Now().Add(during), 0; time.Now().Before(end) || i < 100; i++ {
		data[0]++
		start := time.Now()
		if _, err := f.WriteAt(data, int64(i*2654435761%blocks)*block); err != nil {
			return 0, fmt.Errorf("probe the disk: %w", err)
		}
		if err := syscall.Fdatasync(int(f.Fd())); err != nil {
			return 0, fmt.Errorf("probe the disk: %w", err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000, nil
}

// echoPerSecond returns how many messages of payloadBytes the loopback returns
// to that many connections, window of them in flight on each: the limit that no
// server on this machine can pass.
func echoPerSecond(connections, window int, during time.Duration) (float64, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(struct{ io.Writer }{conn}, struct{ io.Reader }{conn}); conn.Close() }()
		}
	}()
	var group sync.WaitGroup
	var bytes atomic.Int64
	end := time.Now().Add(during)
	for range connections {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return 0, err
		}
		defer conn.Close()
		conn.SetDeadline(end.Add(5 * time.Second))
		group.Go(func() {
			buffer := make([]byte, payloadBytes*window)
			n, err := conn.Write(buffer)
			for err == nil && time.Now().Before(end) {
				if n, err = conn.Read(buffer); err == nil {
					bytes.Add(int64(n))
					_, err = conn.Write(buffer[:n])
				}
			}
		})
	}
	group.Wait()
	return float64(bytes.Load()) / payloadBytes / during.Seconds(), nil
}
