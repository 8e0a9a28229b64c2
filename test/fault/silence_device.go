package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// beat is how often a device sends.
const beat = 2 * time.Second

var streams = []string{"heart-rate", "spo2"} // continuous, every ten seconds

// ratioRule cannot be evaluated while the perfusion index is 0.
const ratioRule = `
rule ratio
  title "Ratio"
  source "one"
  source "two"
  when heart-rate / perfusion-index > 10000 /min/% priority low text "{heart-rate}"
  test "t"
    at 00:00 heart-rate 120 /min, perfusion-index 0.001 %
    at 00:05 perfusion-index 3 %
    expect 00:00 low "120 /min"
    expect 00:05 nothing
`

func now() vital.Instant { return vital.At(time.Now()) }

// mode is how a device behaves.
type mode struct {
	silent   bool          // nothing is measured
	keeping  bool          // measured, kept, and sent later
	quality  string        // remark on every value
	without  string        // metric that is left out
	spoilt   string        // metric whose value cannot be read
	garbage  bool          // the whole packet cannot
	clock    time.Duration // by which the device's clock is wrong
	perfused string        // perfusion index
	strength int           // of the radio, dB[W]; 0: not said
	fading   int           // dB a beat by which it falls
	unbound  bool          // nobody wears it
	most     int           // packets that it sends in one beat; 0: all that wait
}

// packet is what a device measured.
type packet struct {
	body     []byte
	measured vital.Instant
	usable   []string
}

// measure makes a packet of now.
func (m *mode) measure(sequence uint64) packet {
	p := packet{measured: now()}
	if m.garbage {
		p.body = fmt.Appendf(nil, `{"seq":%d,"readings":[{"metr`, sequence)
		return p
	}
	var list []string
	add := func(metric, value, unit string) {
		if metric == m.without {
			return
		}
		remark := ""
		if m.quality != "" {
			remark = fmt.Sprintf(`,"quality":[%q]`, m.quality)
		}
		if metric == m.spoilt {
			value = `"?"`
		} else if m.quality == "" {
			p.usable = append(p.usable, metric)
		}
		list = append(list, fmt.Sprintf(`{"metric":%q,"value":%s,"unit":%q%s}`, metric, value, unit, remark))
	}
	add("heart-rate", fmt.Sprint(60+sequence%20), "/min")
	add("spo2", fmt.Sprint(95+sequence%4), "%")
	perfusion := "3"
	if m.perfused != "" {
		perfusion = m.perfused
	}
	add("perfusion-index", perfusion, "%")
	if m.strength != 0 {
		list = append(list, fmt.Sprintf(`{"metric":"signal-strength","value":%d,"unit":"dB[W]"}`, m.strength))
		m.strength -= m.fading
	}
	at := now().Add(m.clock)
	p.body = fmt.Appendf(nil, `{"seq":%d,"time":%q,"readings":[%s]}`, sequence, at.String(), strings.Join(list, ","))
	return p
}
