package mqtt

import "strings"

// ValidTopic reports whether s may be published to: not empty, no wildcard.
func ValidTopic(s string) bool {
	return s != "" && len(s) <= maxText && validString(s) && strings.IndexAny(s, "+#") < 0
}

func validTopicBytes(b []byte) bool {
	if len(b) == 0 {
		return false
	}
	for _, c := range b {
		if c == '+' || c == '#' {
			return false
		}
	}
	return true
}

// ValidFilter reports whether s may be subscribed to: each wildcard alone on its
// level, # only at the end. A shared filter has a group and something to share.
func ValidFilter(s string) bool {
	if s == "" || len(s) > maxText || !validString(s) {
		return false
	}
	if strings.HasPrefix(s, "$share/") {
		group, filter, ok := SplitShare(s)
		return ok && strings.IndexAny(group, "+#") < 0 && ValidFilter(filter) && !strings.HasPrefix(filter, "$share/")
	}
	for rest, more := s, true; more; {
		var level string
		level, rest, more = strings.Cut(rest, "/")
		if strings.IndexAny(level, "+#") >= 0 && len(level) > 1 || level == "#" && more {
			return false
		}
	}
	return true
}

// SplitShare parts "$share/group/filter"; ok is false for any other filter.
func SplitShare(s string) (group, filter string, ok bool) {
	rest, ok := strings.CutPrefix(s, "$share/")
	if !ok {
		return "", s, false
	}
	group, filter, ok = strings.Cut(rest, "/")
	return group, filter, ok && group != "" && filter != ""
}

// Match reports whether topic is one that filter asks for. A wildcard on the first
// level does not reach topics that begin with $.
func Match(filter, topic string) bool {
	if strings.HasPrefix(topic, "$") && (strings.HasPrefix(filter, "+") || strings.HasPrefix(filter, "#")) {
		return false
	}
	for {
		f, restF, moreF := strings.Cut(filter, "/")
		if f == "#" {
			return true
		}
		t, restT, moreT := strings.Cut(topic, "/")
		if f != "+" && f != t {
			return false
		}
		if !moreT {
			return !moreF || restF == "#" // "a/#" asks for "a" too
		}
		if !moreF {
			return false
		}
		filter, topic = restF, restT
	}
}
