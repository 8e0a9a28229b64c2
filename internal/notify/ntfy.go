package notify

import (
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"

	"github.com/vigilcare/vigil/internal/store"
	"github.com/vigilcare/vigil/vital"
)

// ntfy publishes to a topic of an ntfy server; the address is the URL of the
// topic, with user:password@ or :token@ where it wants one. A server from 2.16
// on keeps one notification for one X-Sequence-ID and puts a later text in its
// place; it says so in its answer, and only then is it asked to.
// Source: https://docs.ntfy.sh/publish/.
type ntfy struct {
	guard  Guard
	client *http.Client
}

// ntfyPriority is how loud a phone is: 5 rings through, 1 makes no sound.
var ntfyPriority = map[vital.Priority]int{vital.High: 5, vital.Medium: 4, vital.Low: 3}

// Send hands the message over.
func (n ntfy) Send(ctx context.Context, to Recipient, m Message) (Receipt, error) {
	priority, tags := ntfyPriority[m.Priority], "rotating_light"
	switch {
	case m.Stop():
		priority, tags = 1, "white_check_mark"
	case m.Technical:
		tags = "wrench"
	}
	header := http.Header{
		"Title":         {mime.QEncoding.Encode("utf-8", m.Title)},
		"Priority":      {strconv.Itoa(priority)},
		"Tags":          {tags},
		"X-Sequence-ID": {m.Tag},
	}
	if m.Link != "" && !m.Stop() {
		header.Set("Click", m.Link)
	}
	answer, err := post(ctx, n.guard, n.client, to.Address, header, m.Text)
	if err != nil {
		return Receipt{}, err
	}
	var said struct {
		Sequence string `json:"sequence_id"`
	}
	_ = json.Unmarshal(answer, &said) // an answer of another form is of a server that cannot
	return Receipt{State: store.HandedOver, Replaces: said.Sequence == m.Tag}, nil
}
