package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// server is one running server process.
type server struct {
	run        *exec.Cmd
	mqtt, http string
	token      string
	ended      chan struct{}
}

// enrol makes an installation with devices and a token that reads.
func (r *rig) enrol(data string) ([]sender, string, error) {
	var list strings.Builder
	list.WriteString("id,label,kind,model,udi\n")
	for i := range r.devices {
		fmt.Fprintf(&list, "fault-%02d,Fault %d,monitor,,\n", i, i)
	}
	file := filepath.Join(r.dir, "devices.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return nil, "", err
	}
	out, err := r.call("device", "add", "--data", data, "--csv", file)
	if err != nil {
		return nil, "", err
	}
	rows, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil {
		return nil, "", fmt.Errorf("read the credentials: %w", err)
	}
	var senders []sender
	for _, row := range rows {
		if len(row) == 3 && row[0] != "device" {
			senders = append(senders, sender{Device: row[0], Username: row[1], Password: row[2], From: 1})
		}
	}
	if len(senders) != r.devices {
		return nil, "", fmt.Errorf("enrolled %d devices, got %d credentials", r.devices, len(senders))
	}
	token, err := r.call("token", "add", "--data", data, "--name", "fault")
	return senders, strings.TrimSpace(string(token)), err
}

// call runs one command of the server's program to its end.
func (r *rig) call(args ...string) ([]byte, error) {
	run := exec.Command(r.program[0], append(r.program[1:len(r.program):len(r.program)], args...)...)
	var out, problems bytes.Buffer
	run.Stdout, run.Stderr = &out, &problems
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(r.program[0]), strings.Join(args, " "), err, tail(problems.Bytes()))
	}
	return out.Bytes(), nil
}

func tail(text []byte) string {
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-600):])
}

// start runs the server on a data folder and waits until it listens.
func (r *rig) start(ctx context.Context, data string) (*server, error) {
	args := append(r.program[1:len(r.program):len(r.program)], "serve", "--json", "--data", data, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	args = append(args, r.flags...)
	s := &server{run: exec.Command(r.program[0], args...), token: r.token, ended: make(chan struct{})}
	log, err := os.OpenFile(filepath.Join(r.dir, "server.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.run.Stderr = log
	out, err := s.run.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.run.Start(); err != nil {
		return nil, err
	}
	said := make(chan bool, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var where struct{ HTTP, MQTT string }
			if json.Unmarshal(lines.Bytes(), &where) == nil && where.MQTT != "" {
				s.mqtt, s.http = host(where.MQTT), host(where.HTTP)
				said <- true
				break
			}
		}
		io.Copy(io.Discard, out)
		s.run.Wait()
		close(s.ended)
	}()
	select {
	case <-said:
		return s, nil
	case <-s.ended:
		err = fmt.Errorf("the server ended before it listened")
	case <-time.After(90 * time.Second):
		err = fmt.Errorf("the server does not say where it listens")
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.kill()
	text, _ := os.ReadFile(filepath.Join(r.dir, "server.log"))
	return nil, fmt.Errorf("%w: %s", err, tail(text))
}

// host strips a scheme from an address.
func host(address string) string {
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	return strings.TrimSuffix(address, "/")
}

// kill ends the server without a word.
func (s *server) kill() {
	s.run.Process.Kill()
	<-s.ended
}
