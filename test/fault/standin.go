package main

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// standIn is a server of a page, with the commands and the routes that the rig
// uses. It exists to attack the rig: "synced" keeps its promise, "lazy"
// acknowledges before it syncs, "repeating" shows a packet that was sent twice
// twice. A rig that calls all three good measures nothing.
type standIn struct {
	lazy, repeating bool
	mutex           sync.Mutex
	file            *os.File
}

func runStandIn(args []string) error {
	if len(args) < 2 {
		return errors.New("stand-in MODE COMMAND")
	}
	s := standIn{lazy: args[0] == "lazy", repeating: args[0] == "repeating"}
	words := args[1:]
	if words[0] != "serve" {
		words = words[1:]
	}
	set := flag.NewFlagSet("stand-in", flag.ContinueOnError)
	data, list := set.String("data", "", ""), set.String("csv", "", "")
	set.Bool("json", true, "")
	set.String("http", "", "")
	set.String("mqtt", "", "")
	set.String("name", "", "")
	if err := set.Parse(words[1:]); err != nil {
		return err
	}
	switch args[1] {
	case "device":
		return standInDevices(*list)
	case "token":
		fmt.Println("stand-in")
		return nil
	}
	return s.serve(*data)
}

func standInDevices(list string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		return err
	}
	for _, row := range rows[1:] {
		fmt.Printf("%s,%s,secret\n", row[0], row[0])
	}
	return nil
}

func (s *standIn) serve(data string) (err error) {
	if err := os.MkdirAll(data, 0o700); err != nil {
		return err
	}
	if s.file, err = os.OpenFile(filepath.Join(data, "log"), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600); err != nil {
		return err
	}
	doors := make([]net.Listener, 2)
	for i := range doors {
		if doors[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return err
		}
	}
	go func() {
		for {
			conn, err := doors[0].Accept()
			if err != nil {
				return
			}
			go s.listen(conn)
		}
	}()
	fmt.Printf("{\"mqtt\":%q,\"http\":%q}\n", doors[0].Addr(), doors[1].Addr())
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/devices/{id}/readings", s.readings)
	return http.Serve(doors[1], mux)
}

// listen serves one connection: what came in one read is written, synced and
// acknowledged together.
func (s *standIn) listen(conn net.Conn) {
	defer conn.Close()
	buffer := make([]byte, 1<<20)
	held := 0
	for {
		n, err := conn.Read(buffer[held:])
		if err != nil {
			return
		}
		held += n
		var lines, answer []byte
		used := 0
		for {
			f, size, err := mqtt.Next(buffer[used:held], len(buffer))
			if err != nil {
				return
			}
			if size == 0 {
				break
			}
			used += size
			packet, err := mqtt.Decode(f, mqtt.Level4)
			if err != nil {
				return
			}
			switch p := packet.(type) {
			case *mqtt.Connect:
				answer = (&mqtt.Connack{}).Append(answer, mqtt.Level4)
			case mqtt.Ping:
				answer = mqtt.Ping{Type: mqtt.TypePingresp}.Append(answer, mqtt.Level4)
			case *mqtt.Publish:
				lines = fmt.Appendf(lines, "%s\t%s\n", strings.Split(p.Topic, "/")[1], p.Payload)
				answer = (&mqtt.Ack{Type: mqtt.TypePuback, ID: p.ID}).Append(answer, mqtt.Level4)
			}
		}
		held = copy(buffer, buffer[used:held])
		if err := s.keep(lines); err != nil {
			return
		}
		if _, err := conn.Write(answer); err != nil {
			return
		}
	}
}

func (s *standIn) keep(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.file.Write(lines); err != nil || s.lazy {
		return err
	}
	return s.file.Sync()
}

func (s *standIn) readings(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	out := json.NewEncoder(w)
	seen := map[uint64]bool{}
	for lines := bufio.NewScanner(io.NewSectionReader(s.file, 0, 1<<40)); lines.Scan(); {
		device, text, _ := strings.Cut(lines.Text(), "\t")
		var p struct {
			Seq      uint64
			Readings []struct {
				Metric, Unit string
				Value        json.Number
			}
		}
		if device != r.PathValue("id") || json.Unmarshal([]byte(text), &p) != nil || seen[p.Seq] && !s.repeating {
			continue
		}
		seen[p.Seq] = true
		for _, one := range p.Readings {
			out.Encode(map[string]any{"sequence": p.Seq, "metric": one.Metric, "value": one.Value, "unit": one.Unit})
		}
	}
}
