package mqttd

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vigilcare/vigil/wire/mqtt"
)

// subscription is one filter of one session.
type subscription struct {
	session *session
	mqtt.Filter
	id    uint32 // subscription identifier, 0: none
	group string // of a shared subscription
	plain string // the filter without $share/group/
}

// tree finds the subscriptions that a topic matches, level by level.
type tree struct {
	mu    sync.RWMutex
	root  *node
	count atomic.Int64
}

type node struct {
	children map[string]*node // "+" and "#" among them
	direct   map[*session]*subscription
	shared   map[string]*group
}

// group is a shared subscription: each message goes to one member.
type group struct {
	members []*subscription
	next    atomic.Uint32
}

func newNode() *node { return &node{} }

// add puts sub in, in place of the session's earlier one with the same filter.
func (t *tree) add(sub *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.root
	for level := range strings.SplitSeq(sub.plain, "/") {
		child := n.children[level]
		if child == nil {
			child = newNode()
			if n.children == nil {
				n.children = make(map[string]*node)
			}
			n.children[level] = child
		}
		n = child
	}
	if sub.group == "" {
		if n.direct == nil {
			n.direct = make(map[*session]*subscription)
		}
		if n.direct[sub.session] == nil {
			t.count.Add(1)
		}
		n.direct[sub.session] = sub
		return
	}
	if n.shared == nil {
		n.shared = make(map[string]*group)
	}
	g := n.shared[sub.group]
	if g == nil {
		g = new(group)
		n.shared[sub.group] = g
	}
	for i, m := range g.members {
		if m.session == sub.session {
			g.members[i] = sub
			return
		}
	}
	g.members = append(g.members, sub)
	t.count.Add(1)
}

// remove takes sub out and the branches that hold nothing any more.
func (t *tree) remove(sub *subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.removeFrom(t.root, sub, sub.plain)
}

func (t *tree) removeFrom(n *node, sub *subscription, rest string) (empty bool) {
	level, rest, more := strings.Cut(rest, "/")
	child := n.children[level]
	if child == nil {
		return false
	}
	if more {
		if !t.removeFrom(child, sub, rest) {
			return false
		}
	} else if !t.cut(child, sub) {
		return false
	}
	delete(n.children, level)
	return len(n.children) == 0 && len(n.direct) == 0 && len(n.shared) == 0
}

func (t *tree) cut(n *node, sub *subscription) (empty bool) {
	if sub.group == "" {
		if n.direct[sub.session] != nil {
			delete(n.direct, sub.session)
			t.count.Add(-1)
		}
	} else if g := n.shared[sub.group]; g != nil {
		for i, m := range g.members {
			if m.session == sub.session {
				g.members = append(g.members[:i:i], g.members[i+1:]...)
				t.count.Add(-1)
				break
			}
		}
		if len(g.members) == 0 {
			delete(n.shared, sub.group)
		}
	}
	return len(n.children) == 0 && len(n.direct) == 0 && len(n.shared) == 0
}

// match calls each for every subscription and every group that topic matches.
func (t *tree) match(topic string, each func(*subscription), one func(*group)) {
	if t.count.Load() == 0 {
		return
	}
	t.mu.RLock()
	defer t.mu.RUnlock()
	t.root.match(topic, true, strings.HasPrefix(topic, "$"), each, one)
}

func (n *node) match(rest string, more, hidden bool, each func(*subscription), one func(*group)) {
	if !more {
		n.hit(each, one)
		if all := n.children["#"]; all != nil { // "a/#" asks for "a" too
			all.hit(each, one)
		}
		return
	}
	level, rest, more := strings.Cut(rest, "/")
	if child := n.children[level]; child != nil {
		child.match(rest, more, false, each, one)
	}
	if hidden {
		return
	}
	if child := n.children["+"]; child != nil {
		child.match(rest, more, false, each, one)
	}
	if all := n.children["#"]; all != nil {
		all.hit(each, one)
	}
}

func (n *node) hit(each func(*subscription), one func(*group)) {
	for _, sub := range n.direct {
		each(sub)
	}
	for _, g := range n.shared {
		one(g)
	}
}
