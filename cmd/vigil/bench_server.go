package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fresh starts a server in a new folder, a copy of template if there is one.
// Stopping the server removes the folder.
func fresh(dir, template string, start func() (target, error)) (target, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return target{}, err
	}
	if template != "" {
		if err := copyTree(dir, template); err != nil {
			return target{}, fmt.Errorf("copy the enrolled folder: %w", err)
		}
	}
	t, err := start()
	if err != nil {
		os.RemoveAll(dir)
		return target{}, err
	}
	stop := t.stop
	t.stop = func() { stop(); os.RemoveAll(dir) }
	return t, nil
}

// copyTree copies a data folder; only its owner may read the copy, as it was.
func copyTree(to, from string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, below), 0o700)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, below), text, 0o600)
	})
}

// startVigil runs this very program as a server on dir, as anybody would.
func startVigil(ctx context.Context, dir string) (target, error) {
	self, err := os.Executable()
	if err != nil {
		return target{}, err
	}
	run := exec.Command(self, "serve", "--json", "--data", dir, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	log, err := os.Create(filepath.Join(dir, "bench.log"))
	if err != nil {
		return target{}, err
	}
	defer log.Close()
	run.Stderr = log
	out, err := run.StdoutPipe()
	if err != nil {
		return target{}, err
	}
	if err := run.Start(); err != nil {
		return target{}, fmt.Errorf("start vigil serve: %w", err)
	}
	t := target{name: "vigil", stop: func() { stopProcess(run, 20*time.Second) }}
	said := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			var where struct{ HTTP, MQTT, Link string }
			if json.Unmarshal(lines.Bytes(), &where) == nil && where.MQTT != "" {
				t.mqtt, t.http, t.link = address(where.MQTT), address(where.HTTP), where.Link
				said <- nil
				io.Copy(io.Discard, out)
				return
			}
		}
		said <- fmt.Errorf("vigil serve ended before it said where it listens")
	}()
	select {
	case err = <-said:
	case <-time.After(60 * time.Second):
		err = fmt.Errorf("vigil serve does not say where it listens")
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		t.stop()
		text, _ := os.ReadFile(filepath.Join(dir, "bench.log"))
		return target{}, fmt.Errorf("%w: %s", err, lastLines(text, 5))
	}
	return t, nil
}

// address strips the scheme of an address, if it has one.
func address(s string) string {
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	return strings.TrimSuffix(s, "/")
}

func lastLines(text []byte, n int) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], []byte("\n")))
}

// enrol makes an installation in dir with that many devices, through the same
// command a hospital uses, and returns what each signs in with.
func enrol(ctx context.Context, dir string, devices int) ([]account, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var list strings.Builder
	list.WriteString("id,label,kind,model,udi\n")
	for i := range devices {
		fmt.Fprintf(&list, "bench-%04d,Bench %d,monitor,,\n", i, i)
	}
	file := filepath.Join(filepath.Dir(dir), "devices.csv")
	if err := os.WriteFile(file, []byte(list.String()), 0o600); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, self, "device", "add", "--data", dir, "--csv", file)
	var out, problems bytes.Buffer
	run.Stdout, run.Stderr = &out, &problems
	if err := run.Run(); err != nil {
		return nil, fmt.Errorf("enrol %d devices: %w: %s", devices, err, lastLines(problems.Bytes(), 5))
	}
	return readAccounts(&out, devices)
}

// readAccounts reads the CSV device,username,password that vigil device add prints.
func readAccounts(r io.Reader, want int) ([]account, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the credentials: %w", err)
	}
	var accounts []account
	for _, row := range rows {
		if len(row) == 3 && row[0] != "device" {
			accounts = append(accounts, account{row[0], row[1], row[2]})
		}
	}
	if len(accounts) != want {
		return nil, fmt.Errorf("enrolled %d devices and got %d credentials", want, len(accounts))
	}
	return accounts, nil
}
