// Command ucum prints conversions for another UCUM implementation to repeat, one
// a line: metric or "-", molar mass or "-", value, from, to, result. Values come
// from a fixed seed, so two runs print the same.
package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/vigilcare/vigil/vital"
)

// kinds are units that measure the same, by what a device or a chart may use.
var kinds = [][]string{
	{"Cel", "[degF]", "K", "[degR]", "mK", "[degRe]"},
	{"mm[Hg]", "kPa", "Pa", "hPa", "cm[H2O]", "m[H2O]", "[psi]", "bar", "mbar", "atm", "Torr", "[in_i'Hg]", "[in_i'H2O]", "N/m2", "dyn/cm2"},
	{"kg", "g", "mg", "ug", "ng", "pg", "t", "[lb_av]", "[oz_av]", "[stone_av]", "[gr]", "[oz_tr]"},
	{"m", "cm", "mm", "um", "nm", "km", "[in_i]", "[ft_i]", "[yd_i]", "[mi_i]", "[nmi_i]"},
	{"m2", "cm2", "[sft_i]", "[in_i]2", "ar"},
	{"L", "dL", "mL", "uL", "fL", "m3", "cm3", "dm3", "l", "[foz_us]", "[cup_us]", "[tsp_us]", "[gal_us]", "[pt_us]", "[foz_br]", "[drp]"},
	{"s", "ms", "us", "min", "h", "d", "wk", "mo", "a"},
	{"Hz", "/min", "/s", "/h", "/d", "{beats}/min", "kHz", "1/min", "s-1", "Bd"},
	{"m/s", "km/h", "[mi_i]/h", "[kn_i]", "cm/s", "m/min"},
	{"m/s2", "[g]", "cm/s2", "Gal"},
	{"J", "kJ", "kcal", "cal", "[Cal]", "W.h", "kW.h", "eV", "erg", "[Btu]"},
	{"W", "kW", "mW", "J/s", "[HP]", "kcal/h"},
	{"V", "mV", "uV", "kV"},
	{"Ohm", "kOhm", "mOhm", "V/A"},
	{"A", "mA", "uA", "nA"},
	{"%", "[ppth]", "[ppm]", "[ppb]", "10*-2", "10*0.1"},
	{"mol/L", "mmol/L", "umol/L", "nmol/L", "mol/m3", "mmol/dL", "eq/L", "meq/L", "osm/L"},
	{"mg/dL", "g/L", "kg/L", "ug/mL", "mg/L", "ng/mL", "g/dL", "g%", "pg/mL", "kg/m3"},
	{"10*9/L", "10*3/uL", "10*6/mL", "/mm3", "/uL", "10*12/m3", "{cells}/uL"},
	{"U/L", "kat/L", "nkat/L", "mU/mL", "umol/min/L", "U/mL"},
	{"[iU]/L", "m[iU]/mL", "k[iU]/L", "u[iU]/mL", "[IU]/L"},
	{"L/min", "mL/h", "mL/min", "mL/s", "L/s", "m3/h"},
	{"L/min/m2", "mL/min/m2", "L/(min.m2)"},
	{"dyn.s/cm5", "[PRU]", "[wood'U]", "Pa.s/m3", "mm[Hg].s/mL"},
	{"mL/cm[H2O]", "L/kPa", "L/cm[H2O]", "mL/mbar"},
	{"mL/min/kg", "mL/(kg.min)", "[MET]", "L/min/kg"},
	{"rad", "deg", "'", "''", "gon", "circ"},
	{"rad/s", "deg/s", "deg/min"},
	{"By", "bit", "kBy", "KiBy", "MiBy", "MBy"},
	{"Sv", "mSv", "uSv", "REM", "J/kg"},
	{"Gy", "cGy", "RAD"},
	{"Bq", "Ci", "mCi", "MBq"},
	{"lx", "klx", "lm/m2", "ph"},
	{"kg/m2", "g/cm2", "[lb_av]/[ft_i]2"},
	{"N", "dyn", "kgf", "[lbf_av]", "gf"},
	{"T", "mT", "G"},
	{"F", "uF", "pF"},
	{"Pa.s", "P", "cP"},
	{"ug/kg/min", "mg/kg/h", "ug/(kg.min)", "ng/kg/min"},
	{"[diop]", "/m", "/cm"},
	{"B", "dB"}, {"B[W]", "dB[W]", "W", "mW"}, {"B[SPL]", "dB[SPL]", "Pa", "uPa"}, {"B[V]", "dB[V]", "V"}, {"B[uV]", "uV"}, {"Np", "1"}, {"B", "1"}, {"[pH]", "mol/L", "nmol/L"},
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	random := rand.New(rand.NewPCG(1, 2))
	for _, units := range kinds {
		for _, from := range units {
			for _, to := range units {
				v := vital.Decimal{Mantissa: 1 + random.Int64N(99999), Exponent: -int8(random.IntN(4))}
				if strings.ContainsAny(from+to, "N") || strings.HasPrefix(strings.TrimPrefix(from, "d"), "B") || from == "[pH]" {
					v = vital.Decimal{Mantissa: 1 + random.Int64N(9999), Exponent: -3} // levels grow fast
				}
				result := "-"
				if r, err := vital.Convert(v, from, to); err == nil {
					result = r.String()
				}
				fmt.Fprintf(out, "-\t-\t1\t%s\t%s\t%s\t%s\n", v, from, to, result)
			}
		}
	}
	for i := range vital.Metrics {
		m := &vital.Metrics[i]
		molar := "-"
		if m.Molar.Mantissa != 0 {
			molar = m.Molar.String()
		}
		for _, from := range vital.UnitsOf(m.Name) {
			for _, to := range vital.UnitsOf(m.Name) {
				v := vital.Decimal{Mantissa: 1 + random.Int64N(9999), Exponent: -1}
				r, err := m.Convert(v, from, to)
				if err != nil {
					fmt.Fprintf(os.Stderr, "%s: %v\n", m.Name, err)
					os.Exit(1)
				}
				fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\t%s\t%s\n", m.Name, molar, m.Charge, v, from, to, r)
			}
		}
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
