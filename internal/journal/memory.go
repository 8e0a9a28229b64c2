package journal

import (
	"bytes"
	"context"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Memory is a Log that lasts as long as the process: for tests and for trying
// things out. It keeps the whole contract except that it survives nothing.
type Memory struct {
	mutex sync.Mutex
	lines map[Line]*memoryLine
}

type memoryLine struct {
	first  uint64 // sequence of frames[0]
	frames [][]byte
	grown  chan struct{} // closed and replaced when a frame is added
}

// NewMemory returns an empty log.
func NewMemory() *Memory { return &Memory{lines: map[Line]*memoryLine{}} }

// of returns the line, made when it is new. The mutex is held.
func (m *Memory) of(s Stream, partition uint16) *memoryLine {
	at := Line{s, partition}
	l := m.lines[at]
	if l == nil {
		l = &memoryLine{first: 1, grown: make(chan struct{})}
		m.lines[at] = l
	}
	return l
}

func (l *memoryLine) last() uint64 { return l.first + uint64(len(l.frames)) - 1 }

// Append adds one frame after the frame with sequence last.
func (m *Memory) Append(ctx context.Context, s Stream, partition uint16, last uint64, frame []byte) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, vital.Errorf(vital.Unavailable, "append to %s/%d: %w", s, partition, err)
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	l := m.of(s, partition)
	if l.last() != last {
		return 0, vital.Errorf(vital.Conflict, "append to %s/%d after frame %d: the last frame is %d", s, partition, last, l.last())
	}
	l.frames = append(l.frames, bytes.Clone(frame))
	close(l.grown)
	l.grown = make(chan struct{})
	return l.last(), nil
}

// Follow yields each frame from sequence from on, then waits for more.
func (m *Memory) Follow(ctx context.Context, s Stream, partition uint16, from uint64, yield func(seq uint64, frame []byte) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		m.mutex.Lock()
		l := m.of(s, partition)
		from = max(from, l.first)
		var frame []byte
		held := from <= l.last()
		if held {
			frame = l.frames[from-l.first]
		}
		grown := l.grown
		m.mutex.Unlock()
		if held {
			if err := yield(from, frame); err != nil {
				return err
			}
			from++
			continue
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Bounds returns the first and last sequence held.
func (m *Memory) Bounds(_ context.Context, s Stream, partition uint16) (first, last uint64, err error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	l := m.of(s, partition)
	if len(l.frames) == 0 {
		return 0, 0, nil
	}
	return l.first, l.last(), nil
}

// Expire removes the frames before sequence keep, never the last one: the next
// frame names it.
func (m *Memory) Expire(_ context.Context, s Stream, partition uint16, keep uint64) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	l := m.of(s, partition)
	keep = min(keep, l.last())
	if keep <= l.first {
		return nil
	}
	l.frames = append([][]byte(nil), l.frames[keep-l.first:]...)
	l.first = keep
	return nil
}
