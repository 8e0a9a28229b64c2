package mqttd

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Memory keeps sessions in memory: for tests, and for a server whose sessions need
// not outlive the process.
type Memory struct {
	// Fault, if set, is asked before each Save and may refuse it.
	Fault func() error

	mu       sync.Mutex
	sessions map[string]Saved
	kept     map[string]Kept
	saves    int
}

// Load returns what was saved.
func (m *Memory) Load(context.Context) ([]Saved, []Kept, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Collect(maps.Values(m.sessions)), slices.Collect(maps.Values(m.kept)), nil
}

// Save applies c.
func (m *Memory) Save(_ context.Context, c Change) error {
	if m.Fault != nil {
		if err := m.Fault(); err != nil {
			return vital.Errorf(vital.Unavailable, "save MQTT sessions: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sessions == nil {
		m.sessions, m.kept = make(map[string]Saved), make(map[string]Kept)
	}
	for _, client := range c.End {
		delete(m.sessions, client)
	}
	for _, v := range c.Put {
		m.sessions[v.Client] = v
	}
	for _, topic := range c.Forget {
		delete(m.kept, topic)
	}
	for _, k := range c.Retain {
		m.kept[k.Topic] = k
	}
	m.saves++
	return nil
}

// Saves returns how many changes have been saved.
func (m *Memory) Saves() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.saves
}
