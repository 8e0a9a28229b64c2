package vjson

import (
	"time"

	"github.com/vigilcare/vigil/vital"
)

// parseTime reads RFC 3339 with an offset, "2006-01-02T15:04:05", a fraction and
// "Z" or "+07:00", cut to the millisecond, and returns the offset in minutes. It
// is stricter than time.Parse, which takes 9:30 and +24:00, and three times as
// fast. Leap seconds are refused: there has been none since 2016.
func parseTime(b []byte) (vital.Instant, int, bool) {
	if len(b) < 20 || len(b) > 40 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, 0, false
	}
	year, ok0 := pair(b[0:2], 0, 99)
	rest, ok1 := pair(b[2:4], 0, 99)
	month, ok2 := pair(b[5:7], 1, 12)
	day, ok3 := pair(b[8:10], 1, 31)
	hour, ok4 := pair(b[11:13], 0, 23)
	minute, ok5 := pair(b[14:16], 0, 59)
	second, ok6 := pair(b[17:19], 0, 59)
	year = year*100 + rest
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || year < 1969 || day > daysIn(year, month) {
		return 0, 0, false
	}
	i, ms := 19, 0
	if b[i] == '.' {
		i++
		start, scale := i, 100
		for ; i < len(b) && b[i] >= '0' && b[i] <= '9'; i++ {
			ms += int(b[i]-'0') * scale
			scale /= 10
		}
		if i == start || i == len(b) {
			return 0, 0, false
		}
	}
	zone := 0
	switch {
	case b[i] == 'Z' && i+1 == len(b):
	case (b[i] == '+' || b[i] == '-') && i+6 == len(b) && b[i+3] == ':':
		h, ok1 := pair(b[i+1:i+3], 0, 23)
		m, ok2 := pair(b[i+4:i+6], 0, 59)
		if !ok1 || !ok2 {
			return 0, 0, false
		}
		zone = h*60 + m
		if b[i] == '-' {
			zone = -zone
		}
	default:
		return 0, 0, false
	}
	seconds := int64(daysTo(year, month)+day-1)*86400 + int64(hour*3600+minute*60+second) - int64(zone)*60
	at := vital.Instant(seconds*1000 + int64(ms))
	return at, zone, at > 0 && at < year10000
}

func pair(b []byte, low, high int) (int, bool) {
	if b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return 0, false
	}
	n := int(b[0]-'0')*10 + int(b[1]-'0')
	return n, n >= low && n <= high
}

const year10000 = 253_402_300_800_000 // ms since 1970; later times cannot be written down

var daysBefore = [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// daysTo returns the days from 1970-01-01 to the first of the month.
func daysTo(year, month int) int {
	y := year - 1
	days := y*365 + y/4 - y/100 + y/400 - 719162 + daysBefore[month-1]
	if month > 2 && leap(year) {
		days++
	}
	return days
}

func leap(year int) bool { return year%4 == 0 && year%100 != 0 || year%400 == 0 }

func daysIn(year, month int) int {
	switch {
	case month == 2 && leap(year):
		return 29
	case month == 12:
		return 31
	}
	return daysBefore[month] - daysBefore[month-1]
}

// appendTime writes at as RFC 3339 with milliseconds in the given offset.
func appendTime(b []byte, at vital.Instant, zone int) []byte {
	t := at.Time().In(time.FixedZone("", zone*60))
	return t.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
}
