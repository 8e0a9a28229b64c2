package webd

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/internal/watch"
	"github.com/vigilcare/vigil/vital"
)

// wanted is what a socket watches, after what it may not see was taken out.
type wanted struct {
	beds    []vital.BedID
	patient vital.PatientID
	waves   []string // "*": every one
}

// key is equal for sockets that get the same bytes.
func (w wanted) key() string {
	beds, waves := slices.Sorted(slices.Values(w.beds)), slices.Sorted(slices.Values(w.waves))
	var b strings.Builder
	for _, bed := range slices.Compact(beds) {
		b.WriteString(string(bed) + ",")
	}
	b.WriteString("|" + string(w.patient) + "|" + strings.Join(slices.Compact(waves), ","))
	return b.String()
}

// group is the sockets that watch the same: what they get is encoded once.
type group struct {
	key     string
	beds    map[vital.BedID]struct{}
	patient vital.PatientID
	metrics map[string]struct{} // of waves
	every   bool                // waves "*"

	patients map[vital.PatientID]vital.BedID   // who that is now
	seen     map[vital.PatientID]vital.DataSet // which data of them the members see; of who is not in it, nothing yet
	hidden   string                            // hiddenKey of that
	members  map[*socket]struct{}
	spoke    time.Time

	values   []*watch.Value
	watches  []watch.Watch
	channels map[channelKey]*channel
	fresh    []*channel // to be announced before the next blocks
	waves    []byte     // blocks collected
	blocks   int
	waveSeq  uint32
}

// mostBlocks is what a message can count, with room for the parts of one packet.
// More in a tenth of a second than that is dropped, oldest first.
const mostBlocks = 60_000

type channelKey struct {
	patient vital.PatientID
	device  vital.DeviceID
	metric  string
}

func newGroup(key string, w wanted) *group {
	g := &group{
		key: key, patient: w.patient,
		beds: make(map[vital.BedID]struct{}, len(w.beds)), metrics: make(map[string]struct{}, len(w.waves)),
		members: make(map[*socket]struct{}), channels: make(map[channelKey]*channel),
	}
	for _, b := range w.beds {
		g.beds[b] = struct{}{}
	}
	for _, m := range w.waves {
		g.metrics[m] = struct{}{}
		g.every = g.every || m == "*"
	}
	return g
}

// shows reports whether the members see that of the patient.
func (g *group) shows(p vital.PatientID, d vital.Data) bool { return g.seen[p].Has(d) }

// wave collects a packet of a waveform.
func (g *group) wave(w *vital.Waveform) {
	if _, ok := g.metrics[w.Metric]; !ok && !g.every || len(w.Samples) == 0 {
		return
	}
	c := g.channel(w)
	if c == nil {
		return
	}
	if g.blocks == 0 || g.blocks > mostBlocks {
		g.blocks = 0
		g.waves = append(make([]byte, 0, 4096), liveVersion, kindWaves, 0, 0, 0, 0, 0, 0)
	}
	var n int
	g.waves, n = appendBlocks(g.waves, c.Channel, c.divisor, w)
	g.blocks += n
}

// channel returns the channel of w, announced with its scale; nil when there are
// more than a message can number.
func (g *group) channel(w *vital.Waveform) *channel {
	key := channelKey{w.Patient, w.Device, w.Metric}
	c := g.channels[key]
	if c == nil {
		if len(g.channels) >= 65535 {
			return nil
		}
		c = &channel{Channel: uint16(len(g.channels) + 1), Patient: w.Patient, Device: w.Device, Metric: w.Metric}
		g.channels[key] = c
	}
	divisor, bed := fit(w, c.divisor), g.patients[w.Patient]
	if c.divisor == divisor && c.Bed == bed && c.MilliHz == w.MilliHz && c.Unit == w.Unit && c.gain == w.Gain && c.zero == w.Zero {
		return c
	}
	// A block that was collected at the old scale must not be read at the new
	// one: the new scale is a new channel.
	if c.divisor != 0 && g.blocks > 0 && len(g.channels) < 65535 {
		number := uint16(len(g.channels) + 1)
		for _, other := range g.channels {
			number = max(number, other.Channel+1)
		}
		replacement := *c
		replacement.Channel = number
		c = &replacement
		g.channels[key] = c
	}
	c.divisor, c.Bed, c.MilliHz, c.Unit, c.gain, c.zero = divisor, bed, w.MilliHz, w.Unit, w.Gain, w.Zero
	c.Gain = w.Gain.Float() * float64(divisor)
	c.Zero = int64(w.Zero) / int64(divisor)
	g.fresh = append(g.fresh, c)
	return c
}

// flush sends what was collected.
func (g *group) flush(values, states uint64, now time.Time, withWaves bool) {
	if len(g.values) > 0 {
		b := openMessage(make([]byte, 0, 256*len(g.values)), "values", values, vital.At(now))
		for i, v := range g.values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendValue(b, v, g.patients[v.Patient])
		}
		g.send(closeMessage(b), values, now)
		clear(g.values)
		g.values = g.values[:0]
	}
	if len(g.watches) > 0 {
		items := make([]Watched, len(g.watches))
		for i, w := range g.watches {
			items[i] = watchedOf(w, g.patients[w.Patient])
		}
		g.send(watchedMessage(states, vital.At(now), items), states, now)
		g.watches = nil
	}
	if len(g.fresh) > 0 {
		g.send(channelsMessage(g.fresh), 0, now)
		g.fresh = nil
	}
	if withWaves && g.blocks > 0 {
		g.waveSeq++
		binary.LittleEndian.PutUint16(g.waves[2:], uint16(g.blocks))
		binary.LittleEndian.PutUint32(g.waves[4:], g.waveSeq)
		for s := range g.members {
			s.pushWaves(g.waves)
		}
		g.spoke, g.waves, g.blocks = now, nil, 0
	}
}

func (g *group) send(data []byte, seq uint64, now time.Time) {
	g.spoke = now
	for s := range g.members {
		s.push(data, seq)
	}
}

func (g *group) changed(seq uint64) {
	data := changedMessage(seq)
	for s := range g.members {
		s.push(data, seq)
	}
}

// announceTo tells a new reader what every channel means.
func (g *group) announceTo(s *socket) {
	if len(g.channels) == 0 {
		return
	}
	all := make([]*channel, 0, len(g.channels))
	for _, c := range g.channels {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *channel) int { return int(a.Channel) - int(b.Channel) })
	s.push(channelsMessage(all), 0)
}

func channelsMessage(channels []*channel) []byte {
	return message(struct {
		Type  string     `json:"type"`
		Items []*channel `json:"items"`
	}{"channels", channels})
}

func watchedMessage(seq uint64, now vital.Instant, states []Watched) []byte {
	return message(struct {
		Type  string    `json:"type"`
		Seq   uint64    `json:"seq"`
		Now   int64     `json:"now"`
		Items []Watched `json:"items"`
	}{"watched", seq, int64(now), states})
}

func changedMessage(seq uint64) []byte {
	return message(struct {
		Type string `json:"type"`
		Seq  uint64 `json:"seq"`
		What string `json:"what"`
	}{"changed", seq, "ward"})
}

// refusedMessage says on the socket what an answer would say elsewhere.
func refusedMessage(detail FailureDetail) []byte {
	body, err := json.Marshal(struct {
		Type  string        `json:"type"`
		Error FailureDetail `json:"error"`
	}{"error", detail})
	if err != nil {
		panic("webd: an error that JSON cannot hold: " + err.Error()) // three strings
	}
	return append([]byte{liveVersion, kindJSON}, body...)
}
