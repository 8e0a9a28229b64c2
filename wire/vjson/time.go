package vjson

import (
	"time"

	"github.com/vigilcare/vigil/vital"
)

// parseTime reads RFC 3339 with an offset, cut to the millisecond, and returns
// the offset in minutes. time.Parse decides for whatever the quick way declines.
func parseTime(b []byte) (vital.Instant, int, bool) {
	if len(b) > 40 {
		return 0, 0, false
	}
	if at, zone, ok := quickTime(b); ok {
		return at, zone, at > 0
	}
	t, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return 0, 0, false
	}
	_, offset := t.Zone()
	at := vital.At(t)
	return at, offset / 60, at > 0
}

// quickTime reads "2006-01-02T15:04:05", a fraction of up to nine digits, and
// "Z" or "+07:00".
func quickTime(b []byte) (vital.Instant, int, bool) {
	if len(b) < 20 || b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, 0, false
	}
	year, ok0 := pair(b[0:2], 0, 99)
	rest, ok1 := pair(b[2:4], 0, 99)
	month, ok2 := pair(b[5:7], 1, 12)
	day, ok3 := pair(b[8:10], 1, 28) // later days depend on the month: the slow way
	hour, ok4 := pair(b[11:13], 0, 23)
	minute, ok5 := pair(b[14:16], 0, 59)
	second, ok6 := pair(b[17:19], 0, 59)
	year = year*100 + rest
	if !(ok0 && ok1 && ok2 && ok3 && ok4 && ok5 && ok6) || year < 1970 {
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
		if i == start || i > start+9 || i == len(b) {
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
	return vital.Instant(seconds*1000 + int64(ms)), zone, true
}

func pair(b []byte, low, high int) (int, bool) {
	if b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return 0, false
	}
	n := int(b[0]-'0')*10 + int(b[1]-'0')
	return n, n >= low && n <= high
}

var daysBefore = [...]int{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

// daysTo returns the days from 1970-01-01 to the first of the month.
func daysTo(year, month int) int {
	y := year - 1
	days := y*365 + y/4 - y/100 + y/400 - 719162 + daysBefore[month-1]
	if month > 2 && (year%4 == 0 && year%100 != 0 || year%400 == 0) {
		days++
	}
	return days
}

// appendTime writes at as RFC 3339 with milliseconds in the given offset.
func appendTime(b []byte, at vital.Instant, zone int) []byte {
	t := at.Time().In(time.FixedZone("", zone*60))
	return t.AppendFormat(b, "2006-01-02T15:04:05.000Z07:00")
}
