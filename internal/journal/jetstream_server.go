package journal

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/vigilcare/vigil/vital"
)

// embed starts the server inside this process.
func (j *JetStream) embed(ctx context.Context) error {
	o := j.options
	if o.Dir == "" {
		return vital.Errorf(vital.Invalid, "the embedded server needs a directory")
	}
	if o.Replicas != 1 {
		return vital.Errorf(vital.Invalid, "%d replicas: the embedded server keeps one; a cluster needs a URL", o.Replicas)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return err
	}
	var err error
	if j.lock, err = lockFile(filepath.Join(o.Dir, "lock")); err != nil {
		return vital.Errorf(vital.Conflict, "directory %s is in use by another process: %w", o.Dir, err)
	}
	options := &server.Options{
		ServerName:             "vigil",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		DisableJetStreamBanner: true,
		StoreDir:               o.Dir,
		SyncAlways:             true,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      math.MaxInt64 / 2, // the disk is the limit
		MaxPayload:             int32(o.MaxPayload),
	}
	s, err := server.NewServer(options)
	if err != nil {
		return fmt.Errorf("make embedded server: %w", err)
	}
	j.server = s
	s.SetLoggerV2(serverLog{j}, false, false, false)
	go s.Start()
	for !s.ReadyForConnections(100 * time.Millisecond) {
		if ctx.Err() != nil {
			return vital.Errorf(vital.Unavailable, "start embedded server: %w", ctx.Err())
		}
		if !s.Running() && context.Cause(j.broken) != nil {
			return vital.Errorf(vital.Internal, "start embedded server: %w", context.Cause(j.broken))
		}
	}
	if c := s.JetStreamConfig(); c == nil || !c.SyncAlways {
		return vital.Errorf(vital.Precondition, "the embedded server does not sync always: it would acknowledge what a power cut loses")
	}
	return nil
}

// assureSync refuses an external server that does not, or cannot be seen to,
// sync before it acknowledges.
func assureSync(ctx context.Context, o JetStreamOptions) error {
	if len(o.Monitors) == 0 {
		if o.SyncAssured {
			return nil
		}
		return vital.Errorf(vital.Precondition, "whether the servers at %s sync always cannot be told: "+
			"give their monitoring addresses, or state that `sync_interval: always` is set", o.URL)
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for _, monitor := range o.Monitors {
		if err := syncsAlways(ctx, monitor); err != nil {
			return fmt.Errorf("ask NATS server %s whether it syncs always: %w", monitor, err)
		}
	}
	return nil
}

func syncsAlways(ctx context.Context, monitor string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(monitor, "/")+"/jsz?config=true", nil)
	if err != nil {
		return vital.Errorf(vital.Invalid, "%w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return vital.Errorf(vital.Unavailable, "%w", err)
	}
	defer response.Body.Close()
	var answer struct {
		Config server.JetStreamConfig `json:"config"`
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || response.StatusCode != http.StatusOK {
		return vital.Errorf(vital.Unavailable, "status %s, body %v", response.Status, err)
	}
	if !answer.Config.SyncAlways {
		return vital.Errorf(vital.Precondition, "its sync_interval is not `always`: it would acknowledge what a power cut loses")
	}
	return nil
}

// serverLog hears what the embedded server says. The server gives no answer to a
// publish whose write failed, so its log is where a failed disk shows first.
type serverLog struct{ log *JetStream }

func (s serverLog) hear(level slog.Level, format string, args []any) {
	text := fmt.Sprintf(format, args...)
	low := strings.ToLower(text)
	for _, sign := range []string{"critical write error", "failed to store a msg", "disabling jetstream", "will be disabled"} {
		if strings.Contains(low, sign) {
			s.log.breaks(fmt.Errorf("the disk failed: %s", text))
		}
	}
	if level == slog.LevelError+4 {
		s.log.breaks(fmt.Errorf("the embedded server ended: %s", text))
	}
	if l := s.log.options.Logger; l != nil {
		l.Log(context.Background(), level, "journal server", "text", text)
	}
}

func (s serverLog) Noticef(format string, v ...any) { s.hear(slog.LevelDebug, format, v) }
func (s serverLog) Warnf(format string, v ...any)   { s.hear(slog.LevelWarn, format, v) }
func (s serverLog) Errorf(format string, v ...any)  { s.hear(slog.LevelError, format, v) }
func (s serverLog) Fatalf(format string, v ...any)  { s.hear(slog.LevelError+4, format, v) }
func (s serverLog) Debugf(string, ...any)           {}
func (s serverLog) Tracef(string, ...any)           {}
