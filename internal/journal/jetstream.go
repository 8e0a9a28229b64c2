package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/vigilcare/vigil/vital"
)

// JetStreamOptions say where the frames lie.
type JetStreamOptions struct {
	// Dir holds the journal of the embedded server. It is locked: one process.
	Dir string
	// URL of a NATS cluster; empty: a server inside this process, which listens
	// on nothing.
	URL string
	// Monitors are the monitoring addresses of the cluster's servers
	// ("http://nats-1:8222"), from which it is read that they sync always. The
	// one other way is to set SyncAssured, by which the operator says so.
	Monitors    []string
	SyncAssured bool
	// Replicas of each frame: 1 embedded, 3 or 5 in a cluster.
	Replicas int
	// Partitions of each stream, fixed when the stream is first made. Nil: open
	// what is there and make nothing, for tools that look at a journal.
	Partitions map[Stream]int
	// MaxPayload of one frame in bytes; 1 MiB when zero.
	MaxPayload int
	// Logger hears the server's warnings and errors; nil: nobody does.
	Logger *slog.Logger
}

// JetStream is a Log in NATS JetStream, one JetStream stream per partition, each
// frame one message, synced before it is acknowledged.
type JetStream struct {
	options JetStreamOptions
	server  *server.Server // nil: external
	lock    *os.File
	write   *nats.Conn // frames go out here, and nothing slow beside them
	read    *nats.Conn
	writer  jetstream.JetStream
	reader  jetstream.JetStream
	streams map[Line]jetstream.Stream // of the read connection
	broken  context.Context           // ends when the disk fails or the log is closed
	breaks  context.CancelCauseFunc
	once    sync.Once
}

const (
	defaultPayload = 1 << 20
	replySlack     = 8 << 10 // header lines beside a frame
	countMetadata  = "vigil-partitions"
	streamPrefix   = "VIGIL_"
)

// OpenJetStream starts the embedded server or connects to the cluster, and makes
// the streams that are missing. It refuses a log that would acknowledge before
// the sync.
func OpenJetStream(ctx context.Context, o JetStreamOptions) (*JetStream, error) {
	if o.MaxPayload == 0 {
		o.MaxPayload = defaultPayload
	}
	if o.Replicas == 0 {
		o.Replicas = 1
	}
	for s, n := range o.Partitions {
		if streamCode(s) == 0 || n < 1 || n > 1<<16 {
			return nil, vital.Errorf(vital.Invalid, "open journal: %d partitions of stream %q", n, s)
		}
	}
	j := &JetStream{options: o, streams: map[Line]jetstream.Stream{}}
	j.broken, j.breaks = context.WithCancelCause(context.Background())
	if err := j.start(ctx); err != nil {
		j.Close()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	if err := j.open(ctx); err != nil {
		j.Close()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

func (j *JetStream) start(ctx context.Context) error {
	if j.options.URL == "" {
		if err := j.embed(ctx); err != nil {
			return err
		}
	} else if err := assureSync(ctx, j.options); err != nil {
		return err
	}
	var err error
	if j.write, err = j.connect("vigil journal writer"); err != nil {
		return err
	}
	if j.read, err = j.connect("vigil journal reader"); err != nil {
		return err
	}
	if most := j.write.MaxPayload(); most < int64(j.options.MaxPayload) {
		return vital.Errorf(vital.Precondition, "the NATS server takes messages of %d bytes; %d are needed (max_payload)", most, j.options.MaxPayload)
	}
	if j.writer, err = jetstream.New(j.write); err != nil {
		return err
	}
	j.reader, err = jetstream.New(j.read)
	return err
}

func (j *JetStream) connect(name string) (*nats.Conn, error) {
	options := []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		// What could not be sent is not sent later: the writer asks first.
		nats.ReconnectBufSize(-1),
	}
	if j.server != nil {
		options = append(options, nats.InProcessServer(j.server))
	}
	c, err := nats.Connect(j.options.URL, options...)
	if err != nil {
		return nil, vital.Errorf(vital.Unavailable, "connect to NATS: %w", err)
	}
	return c, nil
}

// open opens the streams of all partitions, and makes them the first time.
func (j *JetStream) open(ctx context.Context) error {
	held := map[Stream]int{}
	names := j.reader.StreamNames(ctx)
	for name := range names.Name() {
		rest, ours := strings.CutPrefix(name, streamPrefix)
		s, _, _ := strings.Cut(rest, "_")
		if ours && streamCode(Stream(s)) != 0 {
			held[Stream(s)]++
		}
	}
	if err := names.Err(); err != nil {
		return vital.Errorf(vital.Unavailable, "list streams: %w", err)
	}
	counts := j.options.Partitions
	if counts == nil {
		counts = held
	}
	for s, count := range counts {
		if held[s] > count {
			return wrongCount(s, strconv.Itoa(held[s]), count)
		}
		for p := range count {
			if err := j.prepare(ctx, s, uint16(p), count); err != nil {
				return err
			}
		}
	}
	return nil
}

// Lines returns every line that the log holds, in order.
func (j *JetStream) Lines() []Line {
	return slices.SortedFunc(maps.Keys(j.streams), compareLines)
}

func wrongCount(s Stream, made string, asked int) error {
	return vital.Errorf(vital.Precondition, "stream %s was made with %s partitions and cannot be opened with %d: "+
		"which partition a record lies in depends on the count, so it is fixed", s, made, asked)
}

func (j *JetStream) prepare(ctx context.Context, s Stream, partition uint16, count int) error {
	name := streamName(s, partition)
	stream, err := j.reader.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		stream, err = j.reader.CreateStream(ctx, jetstream.StreamConfig{
			Name:       name,
			Subjects:   []string{subjectName(s, partition)},
			Storage:    jetstream.FileStorage,
			Retention:  jetstream.LimitsPolicy,
			Replicas:   j.options.Replicas,
			MaxMsgSize: int32(j.options.MaxPayload),
			DenyDelete: true, // purge stays allowed: Expire needs it
			Metadata:   map[string]string{countMetadata: strconv.Itoa(count)},
		})
	}
	if err != nil {
		return vital.Errorf(vital.Unavailable, "open stream %s: %w", name, err)
	}
	c := stream.CachedInfo().Config
	switch made := c.Metadata[countMetadata]; {
	case made != strconv.Itoa(count):
		return wrongCount(s, made, count)
	case c.Storage != jetstream.FileStorage || c.NoAck || c.PersistMode != jetstream.DefaultPersistMode:
		return vital.Errorf(vital.Precondition, "stream %s does not store to disk before it acknowledges", name)
	case c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxAge > 0:
		return vital.Errorf(vital.Precondition, "stream %s has a limit that would drop records: expiry is Vigil's", name)
	case c.Replicas < j.options.Replicas:
		return vital.Errorf(vital.Precondition, "stream %s has %d replicas, %d are asked for: raise it with `nats stream edit`", name, c.Replicas, j.options.Replicas)
	}
	j.streams[Line{s, partition}] = stream
	return nil
}

func streamName(s Stream, partition uint16) string {
	return streamPrefix + string(s) + "_" + strconv.Itoa(int(partition))
}

func subjectName(s Stream, partition uint16) string {
	return "vigil." + string(s) + "." + strconv.Itoa(int(partition))
}

func (j *JetStream) stream(s Stream, partition uint16) (jetstream.Stream, error) {
	stream, ok := j.streams[Line{s, partition}]
	if !ok {
		return nil, vital.Errorf(vital.NotFound, "journal has no partition %s/%d", s, partition)
	}
	return stream, nil
}

// Append adds one frame after the frame with sequence last.
func (j *JetStream) Append(ctx context.Context, s Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	if _, err := j.stream(s, partition); err != nil {
		return 0, err
	}
	if len(frame)+replySlack > j.options.MaxPayload {
		return 0, vital.Errorf(vital.TooMuch, "append to %s/%d: a frame of %d bytes; the log takes %d", s, partition, len(frame), j.options.MaxPayload-replySlack)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(j.broken, cancel)()
	ack, err := j.writer.PublishMsg(ctx, &nats.Msg{Subject: subjectName(s, partition), Data: frame},
		jetstream.WithExpectLastSequence(last), jetstream.WithRetryAttempts(0))
	if err == nil {
		return ack.Sequence, nil
	}
	if cause := context.Cause(j.broken); cause != nil {
		return 0, vital.Errorf(vital.Internal, "append to %s/%d: %w", s, partition, cause)
	}
	return 0, vital.Errorf(appendKind(err), "append to %s/%d after frame %d: %w", s, partition, last, err)
}

// appendKind sorts a failed publish: only an answer from the server tells that
// the frame was not stored.
func appendKind(err error) vital.Kind {
	var answer jetstream.JetStreamError
	if !errors.As(err, &answer) || answer.APIError() == nil {
		return vital.Unavailable
	}
	switch a := answer.APIError(); {
	case a.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence, a.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return vital.Conflict
	case a.ErrorCode == 10077: // storing failed
		return vital.Internal
	case a.Code == 503: // no leader, not available
		return vital.Unavailable
	default:
		return vital.Internal
	}
}

// Bounds returns the first and last sequence held.
func (j *JetStream) Bounds(ctx context.Context, s Stream, partition uint16) (first, last uint64, err error) {
	stream, err := j.stream(s, partition)
	if err != nil {
		return 0, 0, err
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return 0, 0, vital.Errorf(vital.Unavailable, "read bounds of %s/%d: %w", s, partition, err)
	}
	if info.State.LastSeq == 0 {
		return 0, 0, nil
	}
	return info.State.FirstSeq, info.State.LastSeq, nil
}

// Expire removes the frames before sequence keep, never the last one: the next
// frame names it.
func (j *JetStream) Expire(ctx context.Context, s Stream, partition uint16, keep uint64) error {
	stream, err := j.stream(s, partition)
	if err != nil {
		return err
	}
	_, last, err := j.Bounds(ctx, s, partition)
	if err != nil {
		return err
	}
	if keep = min(keep, last); keep <= 1 {
		return nil
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(keep)); err != nil {
		return vital.Errorf(vital.Unavailable, "expire %s/%d before frame %d: %w", s, partition, keep, err)
	}
	return nil
}

// Close ends every Follow and Append and stops the embedded server.
func (j *JetStream) Close() error {
	j.once.Do(func() {
		j.breaks(errClosed)
		for _, c := range []*nats.Conn{j.read, j.write} {
			if c != nil {
				c.Close()
			}
		}
		if j.server != nil {
			j.server.Shutdown()
			j.server.WaitForShutdown()
		}
		if j.lock != nil {
			j.lock.Close()
		}
	})
	return nil
}

var errClosed = errors.New("the journal is closed")

// timeout is how long an administrative request to the server may take.
const timeout = 10 * time.Second
