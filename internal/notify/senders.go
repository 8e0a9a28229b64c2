package notify

// channels are the kinds of channel that this installation has.
func (w *Worker) channels() map[string]Sender {
	if w.o.Senders != nil {
		return w.o.Senders
	}
	guard := Guard{Allow: w.o.Allow}
	client := guard.client()
	return map[string]Sender{
		"screen":  screen{w.store, w.site, w.now, w.timing.Live},
		"webhook": webhook{guard, client, w.now},
		"ntfy":    ntfy{guard, client},
	}
}

// Gateway is how an SMS gateway of any make is spoken to: templates in which
// {to}, {text} and {id} stand for the number, the words and the id of the message.
type Gateway struct {
	URL     string
	Body    string   // empty: nothing is sent but the URL
	Type    string   // Content-Type of Body
	Headers []string // "Name: value"
}
