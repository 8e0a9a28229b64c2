package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/csv"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test's program be vigil itself when a script calls it.
func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"vigil": main}) }

// TestScripts runs the stories of test/script against the real program. Beside
// testscript's own commands they have:
//
//	server start DATA [flag...]     runs vigil serve, sets $HTTP, $MQTT and $LINK; "server stop" ends it
//	credential FILE                 sets $DEVICE, $USERNAME and $PASSWORD from the last line of CSV
//	token FILE                      sets $TOKEN
//	publish TOPIC BODY              QoS 1 as $DEVICE with a foreign client; fails unless acknowledged
//	ask METHOD PATH [BODY]          asks the API with $TOKEN or as $DEVICE, prints status and body
//	until PATTERN METHOD PATH       asks until the answer matches, 15 s at most
func TestScripts(t *testing.T) {
	words := map[string]func(*testscript.TestScript, bool, []string){
		"server": scriptServer, "credential": scriptCredential, "token": scriptToken, "publish": scriptPublish, "ask": scriptAsk, "until": scriptUntil,
	}
	maps.Copy(words, sentinelCommands)
	testscript.Run(t, testscript.Params{Dir: filepath.Join("..", "..", "test", "script"), RequireExplicitExec: true, Cmds: words})
}

type runningServer struct {
	run   *exec.Cmd
	ended chan struct{}
}

func scriptServer(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case len(args) == 1 && args[0] == "stop":
		s, ok := servers.Load(ts.Getenv("WORK"))
		if !ok {
			ts.Fatalf("no server runs")
		}
		stopScript(ts, s.(*runningServer), "server")
	case len(args) >= 2 && args[0] == "start":
		startScriptServer(ts, args[1], args[2:])
	default:
		ts.Fatalf("usage: server start DATA [flag...] | server stop")
	}
}

// stopScript ends what a script started; its log is NAME.log.
func stopScript(ts *testscript.TestScript, s *runningServer, name string) {
	s.run.Process.Signal(os.Interrupt)
	select {
	case <-s.ended:
	case <-time.After(20 * time.Second):
		ts.Fatalf("the %s does not stop", name)
	}
	if code := s.run.ProcessState.ExitCode(); code != 0 {
		ts.Fatalf("the %s stopped with status %d: %s", name, code, ts.ReadFile(name+".log"))
	}
}

func startScriptServer(ts *testscript.TestScript, data string, flags []string) {
	program, err := exec.LookPath("vigil")
	ts.Check(err)
	flags = append([]string{"serve", "--json", "--data", ts.MkAbs(data), "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, flags...)
	s := &runningServer{run: exec.Command(program, flags...), ended: make(chan struct{})}
	log, err := os.Create(ts.MkAbs("server.log"))
	ts.Check(err)
	s.run.Stderr = log
	out, err := s.run.StdoutPipe()
	ts.Check(err)
	ts.Check(s.run.Start())
	ts.Defer(func() { s.run.Process.Kill(); <-s.ended; log.Close() })
	said := make(chan addresses, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var at addresses
			if json.Unmarshal(lines.Bytes(), &at) == nil && at.HTTP != "" {
				said <- at
				break
			}
		}
		io.Copy(io.Discard, out)
		s.run.Wait()
		close(s.ended)
	}()
	select {
	case at := <-said:
		ts.Setenv("HTTP", at.HTTP)
		ts.Setenv("MQTT", address(at.MQTT))
		ts.Setenv("LINK", at.Link)
	case <-s.ended:
		ts.Fatalf("the server ended: %s", ts.ReadFile("server.log"))
	case <-time.After(60 * time.Second):
		ts.Fatalf("the server does not say where it listens")
	}
	servers.Store(ts.Getenv("WORK"), s)
}

// servers holds each script's running server, by its work folder.
var servers sync.Map

func scriptCredential(ts *testscript.TestScript, neg bool, args []string) {
	rows, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[0]))).ReadAll()
	ts.Check(err)
	last := rows[len(rows)-1]
	if len(last) != 3 {
		ts.Fatalf("want device,username,password, got %q", last)
	}
	for i, name := range []string{"DEVICE", "USERNAME", "PASSWORD"} {
		ts.Setenv(name, last[i])
	}
}

func scriptToken(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv("TOKEN", strings.TrimSpace(ts.ReadFile(args[0])))
}

func scriptPublish(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: publish TOPIC BODY")
	}
	client := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + ts.Getenv("MQTT")).SetClientID(ts.Getenv("DEVICE")).
		SetUsername(ts.Getenv("USERNAME")).SetPassword(ts.Getenv("PASSWORD")).SetAutoReconnect(false).SetConnectTimeout(5 * time.Second))
	token := client.Connect()
	ok := token.WaitTimeout(5*time.Second) && token.Error() == nil
	if ok {
		token = client.Publish(args[0], 1, false, args[1])
		ok = token.WaitTimeout(5*time.Second) && token.Error() == nil
		client.Disconnect(50)
	}
	if ok == neg {
		ts.Fatalf("publish to %s: acknowledged %v, %v", args[0], ok, token.Error())
	}
}

// request asks the API once.
func request(ts *testscript.TestScript, args []string) string {
	if len(args) < 2 || len(args) > 3 {
		ts.Fatalf("want METHOD PATH [BODY]")
	}
	var body io.Reader
	if len(args) == 3 {
		body = strings.NewReader(args[2])
	}
	r, err := http.NewRequest(args[0], ts.Getenv("HTTP")+args[1], body)
	ts.Check(err)
	r.Header.Set("Content-Type", "application/json")
	if token := ts.Getenv("TOKEN"); token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	} else if ts.Getenv("USERNAME") != "" {
		r.SetBasicAuth(ts.Getenv("USERNAME"), ts.Getenv("PASSWORD"))
	}
	// Under --tls the certificate is of the server that this very test started.
	transport := &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true}, DisableKeepAlives: true}
	answer, err := (&http.Client{Timeout: 20 * time.Second, Transport: transport}).Do(r)
	ts.Check(err)
	defer answer.Body.Close()
	var text bytes.Buffer
	text.WriteString(answer.Status + "\n")
	text.ReadFrom(answer.Body)
	return text.String()
}

func scriptAsk(ts *testscript.TestScript, neg bool, args []string) {
	text := request(ts, args)
	io.WriteString(ts.Stdout(), text)
	if good := strings.HasPrefix(text, "2"); good == neg {
		ts.Fatalf("%s: %s", strings.Join(args, " "), text)
	}
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		text := request(ts, args[1:])
		if pattern.MatchString(text) {
			io.WriteString(ts.Stdout(), text)
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("%s never matched %q; last answer: %s", strings.Join(args[1:], " "), args[0], text)
		}
	}
}
