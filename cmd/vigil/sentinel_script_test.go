package main

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// sentinelCommands are what the story of a sentinel has beside the others:
//
//	port                       sets $PORT to one that is free
//	secret FILE                sets $TOKEN from the settings of a sentinel
//	append FILE MORE           puts the one behind the other
//	sentinel start [flag...]   runs vigil sentinel run; "sentinel stop" ends it
//	kill-server                kills the server; sets $HTTPADDR for a server in its place
//	heard PATTERN FILE         waits until the file matches, 40 s at most
var sentinelCommands = map[string]func(*testscript.TestScript, bool, []string){
	"port": func(ts *testscript.TestScript, _ bool, _ []string) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		_, port, _ := net.SplitHostPort(l.Addr().String())
		l.Close()
		ts.Setenv("PORT", port)
	},
	"secret": func(ts *testscript.TestScript, _ bool, args []string) {
		_, rest, _ := strings.Cut(ts.ReadFile(args[0]), "\ntoken: ")
		token, _, _ := strings.Cut(rest, "\n")
		ts.Setenv("TOKEN", token)
	},
	"append": func(ts *testscript.TestScript, _ bool, args []string) {
		f, err := os.OpenFile(ts.MkAbs(args[0]), os.O_APPEND|os.O_WRONLY, 0)
		ts.Check(err)
		_, err = f.WriteString(ts.ReadFile(args[1]))
		ts.Check(err)
		ts.Check(f.Close())
	},
	"sentinel": scriptSentinel,
	"kill-server": func(ts *testscript.TestScript, _ bool, _ []string) {
		s, ok := servers.Load(ts.Getenv("WORK"))
		if !ok {
			ts.Fatalf("no server runs")
		}
		run := s.(*runningServer)
		run.run.Process.Kill()
		<-run.ended
		ts.Setenv("HTTPADDR", address(ts.Getenv("HTTP")))
		ts.Setenv("MQTTADDR", ts.Getenv("MQTT"))
	},
	"heard": func(ts *testscript.TestScript, _ bool, args []string) {
		pattern, err := regexp.Compile(args[0])
		ts.Check(err)
		for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if text, err := os.ReadFile(ts.MkAbs(args[1])); err == nil && pattern.Match(text) {
				return
			}
		}
		text, _ := os.ReadFile(ts.MkAbs(args[1]))
		ts.Fatalf("%s never matched %q: %s", args[1], args[0], text)
	},
}

// sentinels holds each script's running sentinel, by its work folder.
var sentinels sync.Map

func scriptSentinel(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "stop" {
		s, ok := sentinels.Load(ts.Getenv("WORK"))
		if !ok {
			ts.Fatalf("no sentinel runs")
		}
		stopScript(ts, s.(*runningServer), "sentinel")
		return
	}
	program, err := exec.LookPath("vigil")
	ts.Check(err)
	s := &runningServer{run: exec.Command(program, append([]string{"sentinel", "run"}, args[1:]...)...), ended: make(chan struct{})}
	s.run.Dir = ts.Getenv("WORK")
	log, err := os.Create(ts.MkAbs("sentinel.log"))
	ts.Check(err)
	s.run.Stderr = log
	ts.Check(s.run.Start())
	go func() { s.run.Wait(); close(s.ended) }()
	ts.Defer(func() { s.run.Process.Kill(); <-s.ended; log.Close() })
	sentinels.Store(ts.Getenv("WORK"), s)
}
