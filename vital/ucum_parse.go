package vital

import (
	"maps"
	"math/big"
	"slices"
	"strings"
	"sync"
)

// unit is a parsed UCUM expression. An ordinary unit is factor times a product
// of base units; a special one (a temperature with a zero of its own, a level)
// converts through functions and stands alone.
type unit struct {
	factor    *big.Rat
	dim       dimension
	arbitrary string   // the arbitrary unit in it, with its power: "[iU]^1"
	special   *special // nil: an ordinary unit
	bare      bool     // nothing but annotations and the number 1
}

// dimension counts base units: m s g rad K C cd mol eq. UCUM defines mol as a
// number and eq as mol. Here they are dimensions of their own, because 1 mmol/L
// of calcium is not 1 meq/L and a count of cells is not an amount of substance:
// Convert bridges eq and mol as UCUM does, a metric only by its charge.
type dimension [9]int8

const (
	gram  = 2
	mole  = 7
	equiv = 8
)

var baseUnits = map[string]int{"m": 0, "s": 1, "g": gram, "rad": 3, "K": 4, "C": 5, "cd": 6, "mol": mole, "eq": equiv}

var prefixes = map[string]string{
	"Y": "1e24", "Z": "1e21", "E": "1e18", "P": "1e15", "T": "1e12", "G": "1e9", "M": "1e6", "k": "1e3", "h": "1e2", "da": "1e1",
	"d": "1e-1", "c": "1e-2", "m": "1e-3", "u": "1e-6", "n": "1e-9", "p": "1e-12", "f": "1e-15", "a": "1e-18", "z": "1e-21", "y": "1e-24",
	"Ki": "1024", "Mi": "1048576", "Gi": "1073741824", "Ti": "1099511627776",
}

type atom struct {
	metric     bool
	definition string
}

var atoms = sync.OnceValue(func() map[string]atom {
	table := map[string]atom{}
	for line := range strings.Lines(ucumAtoms) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		symbol, rest, _ := strings.Cut(line, " ")
		metric, definition, _ := strings.Cut(rest, " ")
		table[symbol] = atom{metric == "m", definition}
	}
	return table
})

const (
	maxUnitText  = 64
	maxUnitDepth = 8
	maxPower     = 30
)

type unitParser struct {
	text  string
	at    int
	depth int
}

func (p *unitParser) fail(why string) error {
	return Errorf(Invalid, "unit %q: character %d: %s", p.text, p.at+1, why)
}

// parseUnit reads a UCUM expression in the case sensitive form.
func parseUnit(text string) (unit, error) {
	if text == "" {
		return unit{}, Errorf(Invalid, "unit is empty: a pure number has the unit 1")
	}
	if len(text) > maxUnitText {
		return unit{}, Errorf(Invalid, "unit %.40q: longer than %d characters", text, maxUnitText)
	}
	for i := range len(text) {
		if text[i] < '!' || text[i] > '~' {
			return unit{}, Errorf(Invalid, "unit %q: character %d: want printable ASCII without blanks", text, i+1)
		}
	}
	p := &unitParser{text: text}
	u, err := p.term()
	if err != nil {
		return unit{}, err
	}
	if p.at < len(text) {
		return unit{}, p.fail("unexpected " + text[p.at:p.at+1])
	}
	return u, nil
}

// term is ['/'] component (('.'|'/') component)*, read from left to right.
func (p *unitParser) term() (unit, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxUnitDepth {
		return unit{}, p.fail("nested too deeply")
	}
	u, divide := one(), false
	if p.peek() == '/' {
		p.at++
		divide = true
		u.bare = false
	}
	for {
		c, err := p.component()
		if err != nil {
			return unit{}, err
		}
		power := 1
		if divide {
			power = -1
		}
		if u, err = p.multiply(u, c, power); err != nil {
			return unit{}, err
		}
		switch p.peek() {
		case '.':
			divide = false
		case '/':
			divide = true
		default:
			return u, nil
		}
		p.at++
	}
}

func (p *unitParser) component() (unit, error) {
	start := p.at
	switch c := p.peek(); {
	case c == '(':
		p.at++
		u, err := p.term()
		if err != nil {
			return unit{}, err
		}
		if p.peek() != ')' {
			return unit{}, p.fail("want )")
		}
		p.at++
		_, err = p.annotation()
		return u, err
	case c == '{':
		_, err := p.annotation()
		u := one()
		u.bare = true
		return u, err
	}
	for bracket := false; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if c == '[' {
			bracket = true
		} else if c == ']' {
			bracket = false
		} else if !bracket && strings.IndexByte(`./(){}"=`, c) >= 0 {
			break
		}
	}
	token := p.text[start:p.at]
	if token == "" {
		return unit{}, p.fail("want a unit")
	}
	u, err := p.simple(token)
	if err != nil {
		return unit{}, err
	}
	_, err = p.annotation()
	return u, err
}

// annotation skips {...}, which says what is counted and changes nothing.
func (p *unitParser) annotation() (bool, error) {
	if p.peek() != '{' {
		return false, nil
	}
	end := strings.IndexAny(p.text[p.at+1:], "{}")
	if end < 0 || p.text[p.at+1+end] == '{' {
		return false, p.fail("annotation does not end")
	}
	p.at += end + 2
	return true, nil
}

// simple is a number, or a symbol with or without a prefix and a power.
func (p *unitParser) simple(token string) (unit, error) {
	cut := len(token)
	for cut > 0 && token[cut-1] >= '0' && token[cut-1] <= '9' {
		cut--
	}
	if cut == 0 {
		factor, ok := new(big.Rat).SetString(token)
		if !ok || factor.Sign() == 0 || len(token) > 18 {
			return unit{}, p.fail("number " + token + " cannot be a factor")
		}
		u := one()
		u.factor = factor
		u.bare = token == "1"
		return u, nil
	}
	symbol, power := token, 1
	if cut < len(token) {
		n, ok := scanExponent(token[cut:])
		symbol = token[:cut]
		if last := symbol[cut-1]; last == '-' || last == '+' {
			symbol = symbol[:cut-1]
			if last == '-' {
				n = -n
			}
		}
		if !ok || n > maxPower || n < -maxPower {
			return unit{}, p.fail("power in " + token + " is not a small whole number")
		}
		power = n
	}
	u, err := p.symbol(symbol)
	if err != nil {
		return unit{}, err
	}
	return p.multiply(one(), u, power)
}

func (p *unitParser) symbol(s string) (unit, error) {
	if u, metric, ok := p.atom(s); ok {
		_ = metric
		return u, nil
	}
	for _, n := range [...]int{2, 1} {
		if len(s) <= n {
			continue
		}
		prefix, ok := prefixes[s[:n]]
		if !ok {
			continue
		}
		if u, metric, ok := p.atom(s[n:]); ok && metric {
			scale, _ := new(big.Rat).SetString(prefix)
			u.factor = new(big.Rat).Mul(u.factor, scale)
			return u, nil
		}
	}
	return unit{}, Errorf(Invalid, "unit %q: %s is not a UCUM symbol", p.text, s)
}

// atom looks s up without a prefix.
func (p *unitParser) atom(s string) (u unit, metric, ok bool) {
	if i, ok := baseUnits[s]; ok {
		u = one()
		u.bare = false
		u.dim[i] = 1
		return u, true, true
	}
	if sp, ok := specials[s]; ok {
		u = one()
		u.bare = false
		u.special = sp
		u.dim = sp.dimension()
		return u, sp.metric, true
	}
	a, ok := atoms()[s]
	if !ok {
		return unit{}, false, false
	}
	if a.definition == "arbitrary" {
		u = one()
		u.bare = false
		u.arbitrary = s + "^1"
		return u, a.metric, true
	}
	number, definition, _ := strings.Cut(a.definition, " ")
	factor, _ := new(big.Rat).SetString(number)
	if u, ok = definitions(definition); !ok {
		return unit{}, false, false
	}
	u.factor = new(big.Rat).Mul(u.factor, factor)
	return u, a.metric, true
}

// definitions parses the unit of a definition in the table, once.
func definitions(text string) (unit, bool) {
	if u, ok := defined.Load(text); ok {
		return u.(unit), true
	}
	u, err := parseUnit(text)
	if err != nil {
		return unit{}, false
	}
	u.bare = false
	defined.Store(text, u)
	return u, true
}

var defined sync.Map // definition -> unit; at most as many as the table has rows

func one() unit { return unit{factor: big.NewRat(1, 1), bare: true} }

// multiply returns u times c to the power.
func (p *unitParser) multiply(u, c unit, power int) (unit, error) {
	if u.special != nil || c.special != nil {
		return p.multiplySpecial(u, c, power)
	}
	for i, n := range c.dim {
		sum := int(u.dim[i]) + int(n)*power
		if sum > 100 || sum < -100 {
			return unit{}, p.fail("power is too large")
		}
		u.dim[i] = int8(sum)
	}
	if c.arbitrary != "" {
		if u.arbitrary != "" || (power != 1 && power != -1) {
			return unit{}, p.fail("only one arbitrary unit can be kept, to the power 1 or -1")
		}
		name, sign, _ := strings.Cut(c.arbitrary, "^")
		if power == -1 {
			sign = map[string]string{"1": "-1", "-1": "1"}[sign]
		}
		u.arbitrary = name + "^" + sign
	}
	step := c.factor
	if power < 0 {
		step = new(big.Rat).Inv(step)
	}
	if bitsOf(step)*max(power, -power)+bitsOf(u.factor) > maxFactorBits {
		return unit{}, p.fail("factor is too large")
	}
	u.factor = new(big.Rat).Set(u.factor)
	for range max(power, -power) {
		u.factor.Mul(u.factor, step)
	}
	u.bare = u.bare && c.bare
	return u, nil
}

// maxFactorBits bounds the work that a unit sent by a stranger can cause.
const maxFactorBits = 4096

func bitsOf(r *big.Rat) int { return r.Num().BitLen() + r.Denom().BitLen() }

func (p *unitParser) multiplySpecial(u, c unit, power int) (unit, error) {
	number := func(x unit) bool { return x.special == nil && x.dim == dimension{} && x.arbitrary == "" }
	switch {
	case number(u) && c.special != nil && power == 1:
		c.factor = new(big.Rat).Mul(u.factor, c.factor)
		return c, nil
	case number(c) && u.special != nil && (power == 1 || power == -1):
		step := c.factor
		if power < 0 {
			step = new(big.Rat).Inv(step)
		}
		u.factor = new(big.Rat).Mul(u.factor, step)
		return u, nil
	}
	return unit{}, p.fail("a special unit (a temperature scale, a level) stands alone")
}

func (p *unitParser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// UnitSymbols returns every unit symbol of the table, without prefixes, sorted.
func UnitSymbols() []string {
	symbols := slices.Collect(maps.Keys(atoms()))
	symbols = slices.AppendSeq(symbols, maps.Keys(baseUnits))
	symbols = slices.AppendSeq(symbols, maps.Keys(specials))
	slices.Sort(symbols)
	return symbols
}
