package seal

import (
	"context"
	"slices"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// Memory is a Table that lasts as long as the process.
type Memory struct {
	mutex  sync.Mutex
	header Header
	keys   []Key
}

var _ Table = (*Memory)(nil)

// Ephemeral returns a Keeper whose keys live and die with the process: for
// benchmarks and tests, and for nothing that is to be read again.
func Ephemeral() *Keeper {
	k := &Keeper{table: &Memory{}, root: newRoot(), now: func() vital.Instant { return 1 }}
	k.take(Header{}, nil)
	return k
}

func (m *Memory) Load(context.Context) (Header, []Key, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.header, slices.Clone(m.keys), nil
}

func (m *Memory) Found(_ context.Context, h Header) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.header.ID != "" {
		return vital.Errorf(vital.Conflict, "the key store was begun already")
	}
	m.header = h
	return nil
}

func (m *Memory) Put(_ context.Context, k Key) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if slices.ContainsFunc(m.keys, func(o Key) bool { return o.ID == k.ID }) {
		return vital.Errorf(vital.Conflict, "key %d is there already", k.ID)
	}
	m.keys = append(m.keys, k)
	m.header.Revision++
	return nil
}

func (m *Memory) Swap(_ context.Context, root string, keys []Key) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.keys = swapped(m.keys, keys)
	m.header.Root = root
	m.header.Revision++
	return nil
}

// swapped replaces by id and adds what is new.
func swapped(keys, by []Key) []Key {
	at := make(map[uint64]int, len(keys))
	for i, k := range keys {
		at[k.ID] = i
	}
	for _, k := range by {
		if i, ok := at[k.ID]; ok {
			keys[i] = k
			continue
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, byCreation)
	return keys
}

func (m *Memory) Check(context.Context) (int64, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.header.Revision, nil
}
