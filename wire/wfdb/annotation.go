package wfdb

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// Annotation is a label at one sample of a record: a beat, a rhythm that begins
// there, a remark.
type Annotation struct {
	Sample  int64 // counted at the annotation file's rate, the record's frequency mostly
	Code    Code
	Subtype int8
	Channel uint8
	Number  int8
	Text    string // for a rhythm change "(AFIB", for a note its words
}

// Annotations is a decoded annotation file.
type Annotations struct {
	Items []Annotation
	// Hz is the rate at which Sample counts when the file says so, else 0: the
	// record's frequency holds.
	Hz float64
	// Labels holds the mnemonics that the file itself defines.
	Labels map[Code]string
}

// Code is what an annotation means.
type Code uint8

// Some codes by name; Symbol knows the rest.
const (
	Normal      Code = 1
	Ventricular Code = 5 // premature ventricular contraction
	Note        Code = 22
	Rhythm      Code = 28 // Text says which
)

// codes as annot(5) lists them: mnemonic, whether it marks a beat, meaning.
var codes = [...]struct {
	symbol  string
	beat    bool
	meaning string
}{
	1:  {"N", true, "normal beat"},
	2:  {"L", true, "left bundle branch block beat"},
	3:  {"R", true, "right bundle branch block beat"},
	4:  {"a", true, "aberrated atrial premature beat"},
	5:  {"V", true, "premature ventricular contraction"},
	6:  {"F", true, "fusion of ventricular and normal beat"},
	7:  {"J", true, "nodal premature beat"},
	8:  {"A", true, "atrial premature beat"},
	9:  {"S", true, "supraventricular premature or ectopic beat"},
	10: {"E", true, "ventricular escape beat"},
	11: {"j", true, "nodal escape beat"},
	12: {"/", true, "paced beat"},
	13: {"Q", true, "unclassifiable beat"},
	14: {"~", false, "change in signal quality"},
	16: {"|", false, "isolated QRS-like artefact"},
	18: {"s", false, "ST segment change"},
	19: {"T", false, "T-wave change"},
	20: {"*", false, "systole"},
	21: {"D", false, "diastole"},
	22: {"\"", false, "comment"},
	23: {"=", false, "measurement"},
	24: {"p", false, "P-wave peak"},
	25: {"B", true, "bundle branch block beat"},
	26: {"^", false, "pacemaker spike not followed by capture"},
	27: {"t", false, "T-wave peak"},
	28: {"+", false, "rhythm change"},
	29: {"u", false, "U-wave peak"},
	30: {"?", true, "beat during learning"},
	31: {"!", false, "ventricular flutter wave"},
	32: {"[", false, "start of ventricular flutter or fibrillation"},
	33: {"]", false, "end of ventricular flutter or fibrillation"},
	34: {"e", true, "atrial escape beat"},
	35: {"n", true, "supraventricular escape beat"},
	36: {"@", false, "link to data elsewhere"},
	37: {"x", false, "P-wave not followed by a beat"},
	38: {"f", true, "fusion of paced and normal beat"},
	39: {"(", false, "onset of a wave"},
	40: {")", false, "end of a wave"},
	41: {"r", true, "R-on-T premature ventricular contraction"},
}

// Symbol returns the mnemonic of annot(5), or "#" and the number.
func (c Code) Symbol() string {
	if int(c) < len(codes) && codes[c].symbol != "" {
		return codes[c].symbol
	}
	return "#" + strconv.Itoa(int(c))
}

// Meaning returns the code in words.
func (c Code) Meaning() string {
	if int(c) < len(codes) && codes[c].meaning != "" {
		return codes[c].meaning
	}
	return "annotation code " + strconv.Itoa(int(c))
}

// Beat reports whether the code marks a QRS complex, and so bounds an RR interval.
func (c Code) Beat() bool { return int(c) < len(codes) && codes[c].beat }

// Words that are not annotations but say something about one, or about the next.
const (
	skip    = 59 // the next 4 bytes are a long interval
	num     = 60 // number of this annotation and those after it
	sub     = 61 // subtype of this annotation
	chn     = 62 // channel of this annotation and those after it
	aux     = 63 // text follows
	maxCode = 49
)

// ParseAnnotations reads an annotation file in MIT format: 16-bit words, little
// endian, of which the high 6 bits say what and the low 10 how long after the
// annotation before. Errors name the byte.
func ParseAnnotations(b []byte) (Annotations, error) {
	var p parser
	at := 0
	for {
		if at+2 > len(b) {
			return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: byte %d: the file ends without its end mark", at)
		}
		word := binary.LittleEndian.Uint16(b[at:])
		what, low := int(word>>10), int(word&0x3ff)
		start := at
		at += 2
		switch {
		case word == 0:
			return p.finish()
		case what == skip:
			if at+4 > len(b) {
				return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: byte %d: interval cut off", start)
			}
			// A PDP-11 long: the high half first, each half little endian.
			p.time += int64(int32(uint32(binary.LittleEndian.Uint16(b[at:]))<<16 | uint32(binary.LittleEndian.Uint16(b[at+2:]))))
			at += 4
		case what == num:
			p.number = int8(low)
			p.change(func(a *Annotation) { a.Number = p.number })
		case what == sub:
			p.change(func(a *Annotation) { a.Subtype = int8(low) })
		case what == chn:
			p.channel = uint8(low)
			p.change(func(a *Annotation) { a.Channel = p.channel })
		case what == aux:
			if at+low > len(b) {
				return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: byte %d: text of %d bytes cut off", start, low)
			}
			text := strings.TrimRight(string(b[at:at+low]), "\x00")
			p.change(func(a *Annotation) { a.Text = text })
			at += low + low%2
		case what > maxCode:
			return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: byte %d: code %d does not exist", start, what)
		default:
			p.time += int64(low)
			if p.time < 0 {
				return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: byte %d: before the start of the record", start)
			}
			p.out.Items = append(p.out.Items, Annotation{Sample: p.time, Code: Code(what), Channel: p.channel, Number: p.number})
		}
	}
}

type parser struct {
	out     Annotations
	time    int64
	number  int8
	channel uint8
}

// change applies f to the annotation that was read last; before the first one
// only what holds for later ones matters.
func (p *parser) change(f func(*Annotation)) {
	if n := len(p.out.Items); n > 0 {
		f(&p.out.Items[n-1])
	}
}

// finish takes the notes out with which a file describes itself: they stand at
// sample 0 and are no part of the recording.
func (p *parser) finish() (Annotations, error) {
	kept := p.out.Items[:0]
	defining := false
	for _, a := range p.out.Items {
		switch {
		case a.Sample == 0 && a.Code == Note && strings.HasPrefix(a.Text, "## time resolution:"):
			hz, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimPrefix(a.Text, "## time resolution:")), 64)
			if err != nil || !(hz > 0 && hz < 1e9) {
				return Annotations{}, vital.Errorf(vital.Invalid, "wfdb annotations: %.60q: want a number above 0", a.Text)
			}
			p.out.Hz = hz
		case a.Sample == 0 && a.Code == Note && a.Text == "## annotation type definitions":
			defining = true
		case a.Sample == 0 && a.Code == Note && a.Text == "## end of definitions":
			defining = false
		case defining && a.Sample == 0 && a.Code == Note:
			p.define(a.Text)
		default:
			kept = append(kept, a)
		}
	}
	p.out.Items = kept
	return p.out, nil
}

// define reads "42 mnemonic description".
func (p *parser) define(text string) {
	f := strings.Fields(text)
	if len(f) < 2 {
		return
	}
	c, err := strconv.Atoi(f[0])
	if err != nil || c < 0 || c > maxCode {
		return
	}
	if p.out.Labels == nil {
		p.out.Labels = map[Code]string{}
	}
	p.out.Labels[Code(c)] = f[1]
}

// Symbol returns the mnemonic of an annotation in this file.
func (a Annotations) Symbol(c Code) string {
	if s, defined := a.Labels[c]; defined {
		return s
	}
	return c.Symbol()
}
