package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// target is a server under load, ours or the peer. Stop ends it.
type target struct {
	name, mqtt, http string
	link             string // one-time link of the first administrator
	accounts         []account
	stop             func()
}

// startMosquitto runs the peer from Debian with the same duties as ours: every
// connection has a name and a password, and may publish under its own topic
// only; grants are lines of its access list beyond that. It does not sync before
// it acknowledges; no setting makes it. Its queues have no bound: what a slow
// subscriber has not read yet is late, not lost.
func startMosquitto(ctx context.Context, dir string, accounts []account, grants ...string) (target, error) {
	program, err := lookPath("mosquitto")
	if err != nil {
		return target{}, err
	}
	hasher, err := lookPath("mosquitto_passwd")
	if err != nil {
		return target{}, err
	}
	var passwords strings.Builder
	for _, a := range accounts {
		fmt.Fprintf(&passwords, "%s:%s\n", a.username, a.password)
	}
	address, err := freeAddress()
	if err != nil {
		return target{}, err
	}
	_, port, _ := net.SplitHostPort(address)
	files := map[string]string{
		"passwords": passwords.String(),
		"acl":       strings.Join(append(grants, "pattern write v1/%c/#", "pattern read v1/%c/command/#", ""), "\n"),
		"mosquitto.conf": strings.Join([]string{
			"user root", "listener " + port + " 127.0.0.1", "allow_anonymous false",
			"password_file " + filepath.Join(dir, "passwords"), "acl_file " + filepath.Join(dir, "acl"),
			"persistence true", "persistence_location " + dir + "/", "set_tcp_nodelay true",
			"max_queued_messages 0", "max_inflight_messages 0", "log_dest none", "",
		}, "\n"),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return target{}, err
		}
	}
	if out, err := exec.CommandContext(ctx, hasher, "-U", filepath.Join(dir, "passwords")).CombinedOutput(); err != nil {
		return target{}, fmt.Errorf("hash the peer's passwords: %w: %s", err, out)
	}
	run := exec.Command(program, "-c", filepath.Join(dir, "mosquitto.conf"))
	if err := run.Start(); err != nil {
		return target{}, fmt.Errorf("start mosquitto: %w", err)
	}
	t := target{name: "mosquitto", mqtt: address, accounts: accounts, stop: func() { stopProcess(run, 5*time.Second) }}
	if err := waitForListener(ctx, address, 10*time.Second); err != nil {
		t.stop()
		return target{}, fmt.Errorf("wait for mosquitto: %w", err)
	}
	return t, nil
}

// lookPath finds a program also where Debian hides servers from ordinary users.
func lookPath(name string) (string, error) {
	p, err := exec.LookPath(name)
	if err != nil {
		p, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("the peer %s is not installed (make deps): %w", name, err)
	}
	return p, nil
}

// freeAddress returns a loopback address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func waitForListener(ctx context.Context, address string, limit time.Duration) error {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Now().After(end) {
			return err
		}
	}
}

// stopProcess asks first and insists later.
func stopProcess(run *exec.Cmd, patience time.Duration) {
	run.Process.Signal(os.Interrupt)
	ended := make(chan struct{})
	go func() { run.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(patience):
		run.Process.Kill()
		<-ended
	}
}
