package auth

import (
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// The two things a client does with a topic.
const (
	Publish   Action = "publish"
	Subscribe Action = "subscribe"
)

// AllowClient decides whether p may call itself id over MQTT. A device's client id
// is its identity. A gateway or an integration may open several connections: its
// own id, or its id and a suffix behind a separator ("lab", "lab-2", "lab/worker").
func AllowClient(p Principal, id string) error {
	switch p.Class {
	case System:
		return nil
	case Device:
		if id == p.ID {
			return nil
		}
	case Gateway, Integration:
		if rest, ok := strings.CutPrefix(id, p.ID); ok && p.ID != "" && (rest == "" || strings.ContainsRune("-/._:", rune(rest[0]))) {
			return nil
		}
	}
	return vital.Errorf(vital.Denied, "%s %q may not call itself %q", p.Class, p.ID, id)
}

// AllowTopic decides whether p may publish to a topic or subscribe to a filter. A
// filter is allowed only when every topic that it can ever match is allowed, wards
// aside: those are looked at with each message.
func AllowTopic(p Principal, a Action, topic string) error {
	if p.Class == System || topicAllowed(p, a, topic) {
		return nil
	}
	return vital.Errorf(vital.Denied, "%s %q may not %s %q", p.Class, p.ID, a, topic)
}

func topicAllowed(p Principal, a Action, topic string) bool {
	if a == Subscribe && p.Class == Integration {
		return integrationMayRead(topic)
	}
	if strings.ContainsAny(topic, "+#") || p.ID == "" {
		return false
	}
	if p.Class == Integration {
		rest, ok := strings.CutPrefix(topic, "app/"+p.ID+"/")
		return a == Publish && ok && rest != ""
	}
	device, kind, ok := DeviceTopic(topic)
	if !ok {
		return false
	}
	switch a {
	case Publish:
		ok = kind == "telemetry" || kind == "wave" || kind == "event"
	case Subscribe:
		ok = kind == "command" || kind == "status"
	default:
		return false
	}
	switch p.Class {
	case Device:
		return ok && device == p.ID
	case Gateway:
		return ok && inNamespace(p.Namespaces, topic)
	}
	return false
}

// inNamespace matches topic prefixes like "v1/ward-3-". A prefix that would cover
// every device is not a namespace.
func inNamespace(prefixes []string, topic string) bool {
	for _, n := range prefixes {
		if strings.HasPrefix(n, "v1/") && len(n) > len("v1/") && strings.HasPrefix(topic, n) {
			return true
		}
	}
	return false
}

// integrationMayRead allows what devices send and what programs say, never what
// Vigil tells devices to do, and nothing that could grow to more than that.
func integrationMayRead(filter string) bool {
	if shared, ok := strings.CutPrefix(filter, "$share/"); ok {
		group, rest, cut := strings.Cut(shared, "/")
		if !cut || group == "" {
			return false
		}
		filter = rest
	}
	if rest, ok := strings.CutPrefix(filter, "app/"); ok {
		return rest != ""
	}
	rest, ok := strings.CutPrefix(filter, "v1/")
	if !ok {
		return false
	}
	device, kind, ok := strings.Cut(rest, "/")
	if !ok || device == "" || device != "+" && strings.ContainsAny(device, "+#") {
		return false
	}
	return kind == "telemetry" || kind == "wave" || kind == "event" || kind == "status"
}

// DeviceTopic parts "v1/{device}/{kind}".
func DeviceTopic(topic string) (device, kind string, ok bool) {
	rest, ok := strings.CutPrefix(topic, "v1/")
	if !ok {
		return "", "", false
	}
	device, kind, ok = strings.Cut(rest, "/")
	return device, kind, ok && device != "" && kind != ""
}
