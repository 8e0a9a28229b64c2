package journal

import (
	"bytes"
	"context"
	"sync"

	"github.com/vigilcare/vigil/vital"
)

// MemoryKeys is a KeyTable that lasts as long as the process.
type MemoryKeys struct {
	mutex sync.Mutex
	keys  []StoredKey
}

// PutKey adds a key.
func (m *MemoryKeys) PutKey(_ context.Context, k StoredKey) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for _, held := range m.keys {
		if held.Site == k.Site && held.ID == k.ID {
			return vital.Errorf(vital.Conflict, "put key %d: the id is taken", k.ID)
		}
	}
	k.Wrapped = bytes.Clone(k.Wrapped)
	m.keys = append(m.keys, k)
	return nil
}

// Keys returns every key of a site.
func (m *MemoryKeys) Keys(_ context.Context, site vital.Site) ([]StoredKey, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var keys []StoredKey
	for _, k := range m.keys {
		if k.Site == site {
			k.Wrapped = bytes.Clone(k.Wrapped)
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// DestroyKey erases a key.
func (m *MemoryKeys) DestroyKey(_ context.Context, site vital.Site, id KeyID, at vital.Instant) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	for i := range m.keys {
		if k := &m.keys[i]; k.Site == site && k.ID == id {
			clear(k.Wrapped)
			k.Wrapped, k.Destroyed = nil, at
			return nil
		}
	}
	return vital.Errorf(vital.NotFound, "destroy key %d: site %s has no such key", id, site)
}
