package mqttd

import (
	"strings"
	"sync"
	"time"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// retained holds the last message of each topic that was published with the
// retain flag.
type retained struct {
	mu      sync.RWMutex
	byTopic map[string]*message
}

func (r *retained) len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return len(r.byTopic)
}

// put keeps m, or forgets its topic when m is empty. Over the limit a new topic is
// not kept; the message itself is still delivered.
func (r *retained) put(m *message, limit int, s *saver) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, known := r.byTopic[m.topic]
	if len(m.payload) == 0 {
		if known {
			delete(r.byTopic, m.topic)
			s.kept(m.topic, nil)
		}
		return known
	}
	if !known && len(r.byTopic) >= limit {
		return false
	}
	r.byTopic[m.topic] = m
	s.kept(m.topic, m)
	return true
}

func (r *retained) match(filter string) []*message {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if strings.IndexAny(filter, "+#") < 0 {
		if m := r.byTopic[filter]; m != nil {
			return []*message{m}
		}
		return nil
	}
	var found []*message
	for topic, m := range r.byTopic {
		if mqtt.Match(filter, topic) {
			found = append(found, m)
		}
	}
	return found
}

func (r *retained) expire(now time.Time, s *saver) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for topic, m := range r.byTopic {
		if m.expired(now) {
			delete(r.byTopic, topic)
			s.kept(topic, nil)
		}
	}
}

func (r *retained) restore(k Kept) error {
	m, err := restoreMessage(k.Body)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.byTopic[m.topic] = m
	return nil
}
