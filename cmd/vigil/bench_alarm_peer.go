package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/mqttc"
	"github.com/vigilcare/vigil/wire/mqtt"
)

// nodeRedRelease is what npm is asked for when no folder with it is named.
const nodeRedRelease = "node-red@4.1.15"

// findNodeRed returns the folder of node modules that holds the peer: the one
// that was named, or one that npm fills within three minutes.
func findNodeRed(ctx context.Context, named, dir string) (string, error) {
	for _, modules := range []string{named, filepath.Join("test", "bench", "node_modules")} {
		if modules == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(modules, "node-red", "red.js")); err == nil {
			return filepath.Abs(modules)
		}
	}
	if named != "" {
		return "", fmt.Errorf("%s holds no node-red", named)
	}
	if _, err := lookPath("mosquitto"); err != nil {
		return "", err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, npm, "install", "--no-audit", "--no-fund", "--silent", "--prefix", dir, nodeRedRelease)
	if out, err := run.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm install %s: %w: %s", nodeRedRelease, err, lastLines(out, 3))
	}
	return filepath.Join(dir, "node_modules"), nil
}

func nodeRedVersion(modules string) string {
	text, _ := os.ReadFile(filepath.Join(modules, "node-red", "package.json"))
	var about struct{ Version string }
	json.Unmarshal(text, &about)
	return about.Version
}

// alarmFunction is the peer's rule: the same limit, the same times, one state for
// each device. It keeps nothing over a restart and waits for no disk.
const alarmFunction = `
let all = context.get('all');
if (!all) { all = {}; context.set('all', all); }
const device = msg.topic.split('/')[1];
const s = all[device] || (all[device] = {since: 0, well: 0, on: false});
const t = Date.parse(msg.payload.time);
for (const r of msg.payload.readings) {
  if (r.metric !== 'spo2') continue;
  if (r.value < 90) {
    s.well = 0;
    if (!s.since) s.since = t;
    if (!s.on && t - s.since >= LIMIT) { s.on = true; return {topic: 'alarm/' + device, payload: {device: device, since: s.since, value: r.value}}; }
  } else if (r.value >= 92) {
    if (!s.on) { s.since = 0; continue; }
    if (!s.well) s.well = t;
    if (t - s.well >= LIMIT) { s.on = false; s.since = 0; }
  }
}
return null;
`

// startNodeRed runs the peer's rule engine on a broker.
func startNodeRed(ctx context.Context, modules, dir, broker string, a account) (stop func(), err error) {
	_, port, _ := net.SplitHostPort(broker)
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	_, own, _ := net.SplitHostPort(listen)
	type node = map[string]any
	flows, _ := json.Marshal([]node{
		{"id": "t1", "type": "tab", "label": "alarms"},
		{"id": "b1", "type": "mqtt-broker", "name": "", "broker": "127.0.0.1", "port": port, "clientid": a.device, "autoConnect": true, "usetls": false, "protocolVersion": "4", "keepalive": "60", "cleansession": true},
		{"id": "n1", "type": "mqtt in", "z": "t1", "topic": "v1/+/telemetry", "qos": "1", "datatype": "json", "broker": "b1", "wires": [][]string{{"n2"}}},
		{"id": "n2", "type": "function", "z": "t1", "func": strings.ReplaceAll(alarmFunction, "LIMIT", fmt.Sprint(alarmDecides.Milliseconds())), "outputs": 1, "wires": [][]string{{"n3"}}},
		{"id": "n3", "type": "mqtt out", "z": "t1", "topic": "", "qos": "1", "retain": "false", "broker": "b1", "wires": [][]string{}},
	})
	secrets, _ := json.Marshal(node{"b1": node{"user": a.username, "password": a.password}})
	for name, text := range map[string][]byte{
		"flows.json": flows, "flows_cred.json": secrets,
		"settings.js": fmt.Appendf(nil, "module.exports={uiHost:'127.0.0.1',uiPort:%s,flowFile:'flows.json',credentialSecret:false,httpAdminRoot:false,logging:{console:{level:'warn'}}}\n", own),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return nil, err
		}
	}
	program, err := exec.LookPath("node")
	if err != nil {
		return nil, err
	}
	run := exec.Command(program, filepath.Join(modules, "node-red", "red.js"), "--userDir", dir, "--settings", filepath.Join(dir, "settings.js"))
	log, err := os.Create(filepath.Join(dir, "node-red.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	run.Stdout, run.Stderr = log, log
	if err := run.Start(); err != nil {
		return nil, fmt.Errorf("start node-red: %w", err)
	}
	return func() { stopProcess(run, 5*time.Second) }, nil
}

// alarmPeer puts the same load on Mosquitto and Node-RED. What has not come two
// seconds after the end is missed.
func (b bench) alarmPeer(ctx context.Context, dir, modules string, accounts []account, rate float64) (r alarmResult, err error) {
	rules, screen := account{"rules", "rules", "bench-rules"}, account{"screen", "screen", "bench-screen"}
	t, err := fresh(dir, "", func() (target, error) {
		return startMosquitto(ctx, dir, append([]account{rules, screen}, accounts...),
			"user rules", "topic read v1/#", "topic write alarm/#", "user screen", "topic read alarm/#")
	})
	if err != nil {
		return r, err
	}
	defer t.stop()
	client, err := mqttc.Dial(ctx, mqttc.Options{Address: t.mqtt, ClientID: screen.device, Username: screen.username, Password: []byte(screen.password), Level: mqtt.Level4, Clean: true})
	if err != nil {
		return r, fmt.Errorf("subscribe to the peer: %w", err)
	}
	defer client.Close()
	var mutex sync.Mutex
	var seen []seenAlarm
	err = client.Subscribe(ctx, "alarm/#", 1, func(_ string, payload []byte) {
		now := time.Now()
		var a struct {
			Device string
			Since  int64
		}
		if json.Unmarshal(payload, &a) != nil {
			return
		}
		mutex.Lock()
		seen = append(seen, seenAlarm{alarmRule, a.Device, a.Since, now})
		mutex.Unlock()
	})
	if err != nil {
		return r, err
	}
	stop, err := startNodeRed(ctx, modules, dir, t.mqtt, rules)
	if err != nil {
		return r, err
	}
	defer stop()
	if err := b.awake(ctx, t.mqtt, accounts[0], &mutex, &seen); err != nil {
		text, _ := os.ReadFile(filepath.Join(dir, "node-red.log"))
		return r, fmt.Errorf("%w: %s", err, lastLines(text, 5))
	}
	load := newAlarmLoad(t.mqtt, accounts, rate, time.Duration(b.alarms.seconds)*time.Second, b.warm, b.window)
	if err := load.run(ctx); err != nil {
		return r, err
	}
	time.Sleep(2 * time.Second)
	device := make(map[string]int, len(accounts))
	for i, a := range accounts {
		device[a.device] = i
	}
	mutex.Lock()
	defer mutex.Unlock()
	return load.judge(seen, device), nil
}

// awake waits until the peer turns low readings into an alarm, and forgets it.
func (b bench) awake(ctx context.Context, address string, a account, mutex *sync.Mutex, seen *[]seenAlarm) error {
	l := newAlarmLoad(address, []account{a}, 1, 0, 0, 1)
	if err := l.connect(ctx); err != nil {
		return err
	}
	defer l.close()
	d := l.devices[0]
	go d.acknowledge()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(300 * time.Millisecond) {
		if err := l.wave(true, 0); err != nil {
			return err
		}
		mutex.Lock()
		n := len(*seen)
		mutex.Unlock()
		if n == 0 {
			continue
		}
		for range 6 { // well again before it counts
			time.Sleep(300 * time.Millisecond)
			if err := l.wave(false, 0); err != nil {
				return err
			}
		}
		mutex.Lock()
		*seen = nil
		mutex.Unlock()
		return nil
	}
	return fmt.Errorf("node-red does nothing")
}
