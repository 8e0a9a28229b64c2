package deviced

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/vigilcare/vigil/internal/ingest"
	"github.com/vigilcare/vigil/vital"
)

// Bounds of one request.
const (
	mostSent   = 8 << 20  // bytes on the wire
	mostBody   = 16 << 20 // bytes unpacked
	mostPacket = 1 << 20  // what a decoder reads
	mostLines  = 20_000
	mostRatio  = 120 // unpacked to sent: NDJSON of readings packs 10 to 40 to 1
	ratioFrom  = 1 << 20
	waitMost   = 5 * time.Second
)

// readBody reads the body, unpacked when it is packed, within the bounds.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	sent := &counter{from: http.MaxBytesReader(w, r.Body, mostSent)}
	from := io.Reader(sent)
	switch coding := r.Header.Get("Content-Encoding"); coding {
	case "", "identity":
	case "gzip":
		unpacked, err := gzip.NewReader(sent)
		if err != nil {
			return nil, readError(err, "Content-Encoding: gzip, but the body is not")
		}
		defer unpacked.Close()
		from = unpacked
	default:
		return nil, vital.Errorf(vital.Invalid, "Content-Encoding %.20q: want gzip or none", coding)
	}
	var body bytes.Buffer
	piece := make([]byte, 64<<10)
	for {
		n, err := from.Read(piece)
		body.Write(piece[:n])
		if body.Len() > mostBody {
			return nil, vital.Errorf(vital.TooMuch, "body: more than %d bytes unpacked", mostBody)
		}
		if body.Len() > ratioFrom && int64(body.Len()) > mostRatio*sent.n {
			return nil, vital.Errorf(vital.TooMuch, "body: unpacks to more than %d times its size", mostRatio)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, readError(err, "read the body")
		}
	}
	if body.Len() == 0 {
		return nil, vital.Errorf(vital.Invalid, "byte 0: the body is empty")
	}
	return body.Bytes(), nil
}

func readError(err error, what string) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return vital.Errorf(vital.TooMuch, "body: more than %d bytes", large.Limit)
	}
	return vital.Errorf(vital.Invalid, "%s: %w", what, err)
}

// counter counts what was read.
type counter struct {
	from io.Reader
	n    int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.from.Read(b)
	c.n += int64(n)
	return n, err
}

// receiveBatch takes each line as a packet. A line that cannot be taken does not
// stop the others, and is not 200.
func (d *Door) receiveBatch(w http.ResponseWriter, r *http.Request, from ingest.Packet, wait bool) error {
	var packets []ingest.Packet
	var numbers []int
	number := 0
	for line := range bytes.Lines(from.Body) {
		number++
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		if len(packets) == mostLines {
			return vital.Errorf(vital.TooMuch, "line %d: a batch holds at most %d packets", number, mostLines)
		}
		if len(line) > mostPacket {
			return vital.Errorf(vital.TooMuch, "line %d: %d bytes, at most %d", number, len(line), mostPacket)
		}
		packet := from
		packet.Body = line
		packets, numbers = append(packets, packet), append(numbers, number)
	}
	if len(packets) == 0 {
		return vital.Errorf(vital.Invalid, "line 1: the batch is empty")
	}
	if err := d.allowance(from.Credential, len(packets)); err != nil {
		return err
	}
	answers, err := d.accept(r.Context(), packets)
	if err != nil {
		return err
	}
	if wait {
		d.await(r.Context(), answers)
	}
	batch, status := Batch{Items: make([]Line, len(answers))}, http.StatusOK
	for i, a := range answers {
		batch.Items[i] = Line{Line: numbers[i], Answer: a}
		if a.Accepted {
			batch.Accepted++
		} else {
			status = http.StatusServiceUnavailable
		}
	}
	return answer(w, status, batch)
}

// accept makes the packets durable and returns when each is synced or is not. An
// error means that none is; of several, some may be: their answers say which.
func (d *Door) accept(ctx context.Context, packets []ingest.Packet) ([]Answer, error) {
	answers := make([]Answer, len(packets))
	var mu sync.Mutex
	var first error
	var pending sync.WaitGroup
	note := func(i int, at vital.Position, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			if first == nil {
				first = err
			}
			answers[i] = Answer{Result: ingest.Waiting, Reason: "not taken: send again"}
			return
		}
		answers[i] = Answer{Accepted: true, At: at, Result: ingest.Waiting}
	}
	for i, p := range packets {
		pending.Add(1)
		err := d.journal.Accept(ctx, p, func(r ingest.Receipt, err error) {
			note(i, r.At, err)
			pending.Done()
		})
		if err != nil {
			note(i, vital.Position{}, err)
			pending.Done()
		}
	}
	pending.Wait()
	for _, a := range answers {
		if a.Accepted {
			if first != nil {
				d.log.Warn("a part of a batch was not taken", "error", first.Error())
			}
			return answers, nil
		}
	}
	return nil, first
}

// await waits for what became of the packets, for a while in all.
func (d *Door) await(ctx context.Context, answers []Answer) {
	ctx, stop := context.WithTimeout(ctx, waitMost)
	defer stop()
	for i := range answers {
		a := &answers[i]
		if !a.Accepted {
			continue
		}
		info, err := d.decoded(ctx, a.At)
		if err != nil {
			d.log.Warn("asking what became of a packet", "error", err.Error())
			continue
		}
		a.Result, a.Reason, a.Sequence, a.Decoder = info.Result, info.Reason, info.Sequence, info.Decoder
		a.Readings, a.Waves, a.Events = info.Readings, info.Waves, info.Events
	}
}
