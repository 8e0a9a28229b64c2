package device

import (
	"strconv"

	"github.com/vigilcare/vigil/vital"
	"github.com/vigilcare/vigil/wire/vjson"
)

// decodeJSON reads Vigil JSON.
func decodeJSON(p Packet) (Result, error) {
	packet, problems, err := vjson.Decode(p.Body)
	if err != nil {
		return Result{}, err
	}
	device := p.Device
	if packet.Device != "" && packet.Device != p.Device {
		if !p.Gateway {
			return Result{}, vital.Errorf(vital.Invalid, "device: %s may not speak for %.64q: only a gateway names a device", p.Device, packet.Device)
		}
		device = packet.Device
	}
	out := Result{Sequence: packet.Sequence, Problems: problems}
	if len(packet.Readings) > 0 {
		out.Readings = make([]vital.Reading, 0, len(packet.Readings))
	}
	for _, r := range packet.Readings {
		name, where, why := accept(r.Metric, r.Value, r.Unit)
		if why != "" {
			if r.Index < 0 {
				return Result{}, vital.Errorf(vital.Invalid, "%s: %s", where, why)
			}
			out.Problems = append(out.Problems, Problem{Where: "readings[" + strconv.Itoa(r.Index) + "]." + where, Reason: why})
			continue
		}
		out.Readings = append(out.Readings, vital.Reading{
			Device: device, Metric: name, Value: r.Value, Unit: r.Unit,
			Clocks:   vital.Clocks{Device: firstTime(r.Time, packet.Time), Receive: p.Received},
			Quality:  firstQuality(r.Quality, packet.Quality),
			Sequence: firstSequence(r.Sequence, packet.Sequence),
		})
	}
	for _, e := range packet.Events {
		out.Events = append(out.Events, vital.Event{
			Device: device, Kind: e.Kind, Code: e.Code, Text: e.Text,
			Clocks:   vital.Clocks{Device: firstTime(e.Time, packet.Time), Receive: p.Received},
			Quality:  firstQuality(e.Quality, packet.Quality),
			Sequence: firstSequence(e.Sequence, packet.Sequence),
		})
	}
	return out, nil
}

func firstTime(own, packet vital.Instant) vital.Instant {
	if own.Known() {
		return own
	}
	return packet
}

func firstQuality(own, packet vital.Quality) vital.Quality {
	if own != 0 {
		return own &^ received
	}
	return packet &^ received
}

func firstSequence(own, packet uint64) uint64 {
	if own != 0 {
		return own
	}
	return packet
}

var examplesJSON = []Example{
	{Title: "one reading", Packet: Packet{Topic: "v1/monitor-1/telemetry", Device: "monitor-1", Received: 1795345800020,
		Body: []byte(`{"seq": 41, "time": "2026-11-22T09:30:00.000+01:00", "metric": "heart-rate", "value": 72, "unit": "/min"}`)}, Readings: 1},
	{Title: "many readings, a code and an event", Packet: Packet{Topic: "v1/monitor-1/telemetry", Device: "monitor-1", Received: 1795345801020,
		Body: []byte(`{"seq": 42, "time": "2026-11-22T09:30:01+01:00", "readings": [{"metric": "heart-rate", "value": 72, "unit": "/min"},{"metric": "spo2", "value": 97, "unit": "%", "quality": ["questionable"]},{"metric": "consciousness", "code": "A"}], "events": [{"kind": "lead-off", "code": "ecg-ii"}]}`)}, Readings: 3, Events: 1},
	{Title: "one of two has no unit", Packet: Packet{Topic: "v1/scale-1/telemetry", Device: "scale-1", Received: 1795345802020,
		Body: []byte(`{"seq": 7, "readings": [{"metric": "heart-rate", "value": 72},{"metric": "temperature", "value": 36.60, "unit": "Cel"}]}`)}, Readings: 1, Problems: 1},
	{Title: "one event", Packet: Packet{Topic: "v1/monitor-1/event", Device: "monitor-1", Received: 1795345803020,
		Body: []byte(`{"seq": 43, "time": "2026-11-22T09:30:03Z", "kind": "rhythm", "code": "AFIB", "text": "atrial fibrillation"}`)}, Events: 1},
}
