package webd

import (
	"strconv"
	"strings"
	"time"

	"github.com/skip2/go-qrcode"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/internal/words"
	"github.com/vigilcare/vigil/vital"
)

// Packet is one packet and what became of it.
type Packet struct {
	Partition  uint16             `json:"partition"`
	Frame      uint64             `json:"frame"`
	Index      uint32             `json:"index"`
	Received   vital.Instant      `json:"received"`
	Device     vital.DeviceID     `json:"device"`
	Credential vital.CredentialID `json:"credential"`
	Door       string             `json:"door"`
	Topic      string             `json:"topic"`
	Format     string             `json:"format"`
	Bytes      int                `json:"bytes"`
	Sequence   uint64             `json:"sequence"`
	Result     string             `json:"result"`
	Reason     string             `json:"reason"`
	ReasonSaid *words.Said        `json:"reasonSaid,omitempty"`
	Readings   int                `json:"readings"`
	Waves      int                `json:"waves"`
	Events     int                `json:"events"`
	Decoder    string             `json:"decoder"`
	Preview    string             `json:"preview"`
}

func packetViews(infos []ingest.PacketInfo) List[Packet] {
	views := make([]Packet, len(infos))
	for i, p := range infos {
		views[i] = Packet{
			Partition: p.At.Partition, Frame: p.At.Frame, Index: p.At.Index, Received: p.Received, Device: p.Device, Credential: p.Credential,
			Door: p.Door, Topic: p.Topic, Format: p.Format, Bytes: p.Bytes, Sequence: p.Sequence, Result: string(p.Result), Reason: p.Reason,
			ReasonSaid: words.Find(p.Reason),
			Readings:   p.Readings, Waves: p.Waves, Events: p.Events, Decoder: p.Decoder, Preview: p.Preview,
		}
	}
	return listOf(views)
}

func (s *Server) devicePackets(c *call) error {
	before, err := instantOf(c.r, "before", 0)
	if err != nil {
		return err
	}
	limit, err := numberOf(c.r, "limit", 100, 1, 1000)
	if err != nil {
		return err
	}
	infos, err := s.packets.Packets(c.ctx(), c.rows, c.device(), before, limit)
	if err != nil {
		return err
	}
	list := packetViews(infos)
	if len(infos) == limit {
		list.Next = strconv.FormatInt(int64(infos[len(infos)-1].Received), 10)
	}
	return c.json(list)
}

func (s *Server) problems(c *call) error {
	since, err := instantOf(c.r, "since", vital.At(s.now()).Add(-24*time.Hour))
	if err != nil {
		return err
	}
	limit, err := numberOf(c.r, "limit", 200, 1, 1000)
	if err != nil {
		return err
	}
	infos, err := s.packets.Problems(c.ctx(), c.rows, since, limit)
	if err != nil {
		return err
	}
	return c.json(packetViews(infos))
}

// deviceCode draws the address of the device's page as a QR code. The password
// is not in it: the code sticks to the device where everybody sees it.
func (s *Server) deviceCode(c *call) error {
	scheme := "http"
	if s.secure {
		scheme = "https"
	}
	code, err := qrcode.New(scheme+"://"+c.r.Host+"/devices/"+string(c.device()), qrcode.Medium)
	if err != nil {
		return vital.Errorf(vital.Invalid, "draw the code of %s: %w", c.device(), err)
	}
	c.w.Header().Set("Content-Type", "image/svg+xml")
	c.w.Write([]byte(drawCode(code.Bitmap())))
	return nil
}

// drawCode draws each run of dark cells of a row as one bar.
func drawCode(dark [][]bool) string {
	n := strconv.Itoa(len(dark))
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + n + " " + n + `" shape-rendering="crispEdges"><rect width="` + n + `" height="` + n + `" fill="#fff"/><path d="`)
	for y, row := range dark {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if x > from {
				b.WriteString("M" + strconv.Itoa(from) + " " + strconv.Itoa(y) + "h" + strconv.Itoa(x-from) + "v1h-" + strconv.Itoa(x-from) + "z")
			}
		}
	}
	b.WriteString(`" fill="#000"/></svg>`)
	return b.String()
}

func (s *Server) systemState(c *call) error {
	state, err := s.system(c.ctx())
	if err != nil {
		return err
	}
	state.Journal, state.Retention, state.Sheets = full(state.Journal), full(state.Retention), s.sheetsState()
	return c.json(state)
}
