package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
)

// sender is one device of the load. Sequences From to To are sent; To 0 means
// until the load is told to end.
type sender struct {
	Device, Username, Password string
	From, To                   uint64
}

// loadPlan is what the rig tells the load process on its standard input, which
// it then closes when the load shall end.
type loadPlan struct {
	MQTT    string
	Ledger  string
	Senders []sender
	Window  int   // publishes in flight of each device
	Every   int64 // microseconds between two messages of one device
	Base    int64 // device time of sequence 0, Unix milliseconds
}

// valueOf is what sequence n measures: readings read back are compared with it.
func valueOf(n uint64) string { return fmt.Sprintf("%d.%02d", 60+n%4000/100, n%100) }

// payload is the same bytes each time a sequence is sent.
func (p loadPlan) payload(n uint64) []byte {
	at := time.UnixMilli(p.Base + int64(n)*p.Every/1000).UTC().Format("2006-01-02T15:04:05.000Z")
	return fmt.Appendf(nil, `{"seq":%d,"time":%q,"readings":[{"metric":"heart-rate","value":%s,"unit":"/min"}]}`, n, at, valueOf(n))
}

// runLoad is the load process: it writes one ledger line for each
// acknowledgement, with the time it was seen, and at the end one line for each
// device with the last sequence it sent.
func runLoad(in io.Reader, out io.Writer) error {
	var p loadPlan
	input := json.NewDecoder(in)
	if err := input.Decode(&p); err != nil {
		return fmt.Errorf("read the plan of the load: %w", err)
	}
	file, err := os.OpenFile(p.Ledger, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	ledger := bufio.NewWriterSize(file, 1<<20)
	var mutex sync.Mutex
	note := func(format string, values ...any) {
		mutex.Lock()
		fmt.Fprintf(ledger, format, values...)
		mutex.Unlock()
	}
	ended := make(chan struct{})
	go func() {
		io.Copy(io.Discard, io.MultiReader(input.Buffered(), in))
		close(ended)
	}()
	var group sync.WaitGroup
	for _, s := range p.Senders {
		group.Go(func() {
			last := p.send(s, ended, note)
			note("sent %s %d 0\n", s.Device, last)
		})
	}
	fmt.Fprintln(out, "loading")
	group.Wait()
	if err := ledger.Flush(); err != nil {
		return err
	}
	return file.Close()
}

// send is one device. It returns the last sequence it tried to send.
func (p loadPlan) send(s sender, ended <-chan struct{}, note func(string, ...any)) uint64 {
	lost := make(chan struct{})
	var once sync.Once
	options := paho.NewClientOptions().AddBroker("tcp://" + p.MQTT).SetClientID(s.Device).
		SetUsername(s.Username).SetPassword(s.Password).SetCleanSession(true).SetAutoReconnect(false).
		SetConnectTimeout(10 * time.Second).SetKeepAlive(20 * time.Second).SetOrderMatters(false).
		SetConnectionLostHandler(func(paho.Client, error) { once.Do(func() { close(lost) }) })
	client := paho.NewClient(options)
	if t := client.Connect(); !t.WaitTimeout(15*time.Second) || t.Error() != nil {
		note("refused %s 0 0\n", s.Device)
		return s.From - 1
	}
	defer client.Disconnect(0)
	free := make(chan struct{}, p.Window)
	var waiting sync.WaitGroup
	start := time.Now()
	last := s.From - 1
	for n := s.From; s.To == 0 || n <= s.To; n++ {
		if s.To == 0 {
			time.Sleep(time.Until(start.Add(time.Duration(n-s.From) * time.Duration(p.Every) * time.Microsecond)))
		}
		if !turn(free, lost, ended) {
			break
		}
		last = n
		token := client.Publish("v1/"+s.Device+"/telemetry", 1, false, p.payload(n))
		waiting.Go(func() {
			select {
			case <-token.Done():
				if token.Error() == nil {
					note("ack %s %d %d\n", s.Device, n, time.Now().UnixNano())
				}
				<-free
			case <-lost:
			}
		})
	}
	done := make(chan struct{})
	go func() { waiting.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
	}
	return last
}

// turn waits for a free place in flight; false: the load or the connection ended.
func turn(free chan<- struct{}, lost, ended <-chan struct{}) bool {
	select {
	case <-ended:
		return false
	default:
	}
	select {
	case free <- struct{}{}:
		return true
	case <-lost:
	case <-ended:
	}
	return false
}
