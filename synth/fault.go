package synth

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/vigilcare/vigil/vital"
)

// FaultKind is something that goes wrong between a body and a server.
type FaultKind string

const (
	// On the body: the Patient applies them.
	LeadOff  FaultKind = "lead-off"  // no ECG, no breathing
	ProbeOff FaultKind = "probe-off" // no pleth, no saturation
	Artefact FaultKind = "motion"    // disturbed signals; Size: how badly, 1 usual

	// On the way: whoever sends applies them.
	Gap       FaultKind = "gap"        // nothing is recorded and nothing is sent
	Outage    FaultKind = "outage"     // recorded, but without a connection; sent afterwards
	Duplicate FaultKind = "duplicate"  // Size: share of packets sent twice, 0.2
	Reorder   FaultKind = "reorder"    // Size: share of packets overtaken by the next, 0.2
	ClockJump FaultKind = "clock-jump" // Size: seconds by which the device clock jumps, 3600
	Drift     FaultKind = "drift"      // Size: parts per million by which it runs fast, 200
)

var faultSizes = map[FaultKind]float64{
	LeadOff: 1, ProbeOff: 1, Artefact: 1, Gap: 1, Outage: 1, Duplicate: 0.2, Reorder: 0.2, ClockJump: 3600, Drift: 200,
}

// Fault is one fault at one time.
type Fault struct {
	Kind   FaultKind
	Start  time.Duration
	Length time.Duration // 0: until the end
	Size   float64
}

// On reports whether the fault is there at that time.
func (f Fault) On(at time.Duration) bool {
	return at >= f.Start && (f.Length == 0 || at < f.Start+f.Length)
}

// ParseFault reads NAME[@START][+LENGTH][=SIZE], as in "lead-off@2m+30s",
// "clock-jump@5m=-3600" or "drift=50".
func ParseFault(text string) (Fault, error) {
	rest, size, sized := strings.Cut(text, "=")
	rest, length, lasting := strings.Cut(rest, "+")
	name, start, timed := strings.Cut(rest, "@")
	f := Fault{Kind: FaultKind(name)}
	usual, known := faultSizes[f.Kind]
	if !known {
		var names []string
		for k := range faultSizes {
			names = append(names, string(k))
		}
		slices.Sort(names)
		return f, vital.Errorf(vital.Invalid, "fault %q: there is %s", name, strings.Join(names, ", "))
	}
	var err error
	if timed {
		if f.Start, err = time.ParseDuration(start); err != nil || f.Start < 0 {
			return f, vital.Errorf(vital.Invalid, "fault %q: start %q: want a time like 90s or 10m", text, start)
		}
	}
	if lasting {
		if f.Length, err = time.ParseDuration(length); err != nil || f.Length <= 0 {
			return f, vital.Errorf(vital.Invalid, "fault %q: length %q: want a time like 30s", text, length)
		}
	}
	f.Size = usual
	if sized {
		d, err := vital.ParseDecimal(size)
		if err != nil {
			return f, vital.Errorf(vital.Invalid, "fault %q: %w", text, err)
		}
		f.Size = d.Float()
	}
	share := f.Kind == Duplicate || f.Kind == Reorder
	if share && (f.Size < 0 || f.Size > 1) {
		return f, vital.Errorf(vital.Invalid, "fault %q: size: want a share from 0 to 1", text)
	}
	return f, nil
}

// RandomFaults returns the small mishaps of a stay of that length: for each
// quarter of an hour about one lead or probe that comes off and one movement.
func RandomFaults(seed uint64, stay time.Duration) []Fault {
	r := rand.New(rand.NewPCG(seed, streamArtefact+100))
	var out []Fault
	kinds := []FaultKind{LeadOff, ProbeOff, Artefact, Artefact}
	for at := time.Duration(0); ; {
		at += time.Duration(r.ExpFloat64() * float64(7*time.Minute))
		if at >= stay {
			return out
		}
		length := 5*time.Second + time.Duration(r.ExpFloat64()*float64(12*time.Second))
		out = append(out, Fault{Kind: kinds[r.IntN(len(kinds))], Start: at, Length: length, Size: 0.5 + r.Float64()})
		at += length
	}
}
