package fn

import (
	"fmt"
	"math"
	"strings"
	"time"
	_ "time/tzdata" // time zones by name on hosts that have none

	"sextant/table"
)

// datetimes is the table of functions of datetimes and timespans.
func datetimes() []Scalar {
	part := func(name, doc, sqlPart string, f func(time.Time) int, aliases ...string) Scalar {
		return Scalar{Name: name, Aliases: aliases, Sigs: sigs("date:datetime -> int"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.IntValue(int64(f(table.TimeOf(a[0].Int64()))))
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return "CAST(" + sqlPart + "(" + duckDate(args[0]) + ") AS INTEGER)", allOf(info, table.DateTime)
		}), Doc: doc}
	}
	edge := func(name, unit string, end bool, doc string) Scalar {
		s := Scalar{Name: name, Sigs: sigs("date:datetime, offset?:long -> datetime"), Eval: func(_ *Context, a []table.Value) table.Value {
			n := int64(0)
			if len(a) > 1 {
				n = a[1].Int64()
			}
			return edgeOf(unit, a[0].Int64(), n, end)
		}, Doc: doc}
		if !end {
			s.SQL = duck(edgeSQL(unit))
		}
		return s
	}
	unix := func(name string, per float64, doc string) Scalar {
		return Scalar{Name: name, Sigs: sigs("number:number -> datetime"), Eval: func(_ *Context, a []table.Value) table.Value {
			return fromUnix(a[0], per)
		}, Doc: doc}
	}
	return []Scalar{
		{Name: "now", Sigs: sigs("offset?:timespan -> datetime"), Eval: func(c *Context, a []table.Value) table.Value {
			if len(a) == 0 {
				return table.DateTimeValue(c.Now)
			}
			return add(c, []table.Value{table.DateTimeValue(c.Now), a[0]})
		}, Doc: "The moment at which the query began, with an offset."},
		{Name: "ago", Sigs: sigs("timespan:timespan -> datetime"), Eval: func(c *Context, a []table.Value) table.Value {
			return subtract(c, []table.Value{table.DateTimeValue(c.Now), a[0]})
		}, Doc: "The moment a timespan before the query began."},
		part("getyear", "The year.", "year", time.Time.Year),
		part("getmonth", "The month, from 1.", "month", func(t time.Time) int { return int(t.Month()) }, "monthofyear"),
		part("dayofmonth", "The day of the month, from 1.", "day", time.Time.Day),
		part("dayofyear", "The day of the year, from 1.", "dayofyear", time.Time.YearDay),
		part("week_of_year", "The ISO 8601 week.", "weekofyear", isoWeek, "weekofyear"),
		{Name: "hourofday", Sigs: sigs("date:datetime -> int"), Eval: func(_ *Context, a []table.Value) table.Value {
			return table.IntValue(a[0].Int64() % table.TicksPerDay / table.TicksPerHour)
		}, SQL: duck(strict(fmt.Sprintf("CAST((%%s %%%% %d) // %d AS INTEGER)", int64(table.TicksPerDay), int64(table.TicksPerHour)), table.DateTime)), Doc: "The hour of the day, from 0."},
		{Name: "dayofweek", Sigs: sigs("date:datetime -> timespan"), Eval: func(_ *Context, a []table.Value) table.Value {
			if edgeOf("week", a[0].Int64(), 0, true).IsNull() {
				return table.Null(table.TimeSpan) // as the engine has it in the last, cut week
			}
			return table.TimeSpanValue((a[0].Int64()/table.TicksPerDay + 1) % 7 * table.TicksPerDay)
		}, SQL: duck(func(args []string, info []Arg, _ table.Type) (string, bool) {
			return fmt.Sprintf("CASE WHEN %[1]s < %[2]d THEN ((%[1]s // %[3]d + 1) %% 7) * %[3]d END", args[0], lastWholeWeek, int64(table.TicksPerDay)), allOf(info, table.DateTime)
		}), Doc: "Days since the last Sunday, as a timespan."},
		edge("startofday", "day", false, "Midnight at which the day begins, days from it."),
		edge("startofweek", "week", false, "Sunday midnight at which the week begins, weeks from it."),
		edge("startofmonth", "month", false, "The beginning of the month, months from it."),
		edge("startofyear", "year", false, "The beginning of the year, years from it."),
		edge("endofday", "day", true, "The last tick of the day, days from it."),
		edge("endofweek", "week", true, "The last tick of the week, weeks from it."),
		edge("endofmonth", "month", true, "The last tick of the month, months from it."),
		edge("endofyear", "year", true, "The last tick of the year, years from it."),
		{Name: "datetime_add", Sigs: sigs("part:string, value:integer, date:datetime -> datetime"), Eval: datetimeAdd, Doc: "A date plus a number of years, quarters, months, weeks, days, hours, minutes, seconds, milliseconds, microseconds or nanoseconds."},
		{Name: "datetime_diff", Sigs: sigs("part:string, datetime1:datetime, datetime2:datetime -> long"), Eval: datetimeDiff, SQL: duck(datetimeDiffSQL), Doc: "How many boundaries of a part lie from the second datetime to the first."},
		{Name: "datetime_part", Aliases: []string{"datepart"}, Sigs: sigs("part:string, date:datetime -> int"), Eval: datetimePart, Doc: "A part of a date: year, quarter, month, week_of_year, day, dayOfYear, hour, minute, second, millisecond, microsecond, nanosecond."},
		{Name: "datetime_utc_to_local", Sigs: sigs("from:datetime, timezone:string -> datetime"), Eval: utcToLocal, Doc: "A UTC time as the clocks of a time zone show it."},
		{Name: "datetime_local_to_utc", Sigs: sigs("from:datetime, timezone:string -> datetime"), Eval: localToUTC, Doc: "The UTC time at which the clocks of a time zone show a time."},
		{Name: "make_datetime", Sigs: sigs("year:number, month:number, day:number, hour?:number, minute?:number, second?:number -> datetime", "value:scalar -> datetime"), Eval: makeDatetime, Doc: "A datetime of its parts; null where there is no such day or hour."},
		{Name: "make_timespan", Sigs: sigs("hours:number, minutes:number, seconds?:number -> timespan", "days:number, hours:number, minutes:number, seconds:number -> timespan", "value:scalar -> timespan"), Eval: makeTimespan, Doc: "A timespan of its parts; null where one is out of range."},
		{Name: "format_datetime", Sigs: sigs("date:datetime, format:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			return str(formatDateTime(a[0].Int64(), a[1].Str()))
		}, Doc: "The date by a format of y M d h H m s f F tt and separators."},
		{Name: "format_timespan", Sigs: sigs("timespan:timespan, format:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			return str(formatTimeSpan(a[0].Int64(), a[1].Str()))
		}, Doc: "The timespan by a format of d h m s f F and separators."},
		unix("unixtime_seconds_todatetime", table.TicksPerSecond, "The datetime of a number of seconds since 1970."),
		unix("unixtime_milliseconds_todatetime", table.TicksPerMillisecond, "The datetime of a number of milliseconds since 1970."),
		unix("unixtime_microseconds_todatetime", table.TicksPerMicrosecond, "The datetime of a number of microseconds since 1970."),
		unix("unixtime_nanoseconds_todatetime", 0.01, "The datetime of a number of nanoseconds since 1970."),
		{Name: "datetime_list_timezones", Sigs: sigs("-> dynamic"), Eval: func(*Context, []table.Value) table.Value { return table.DynamicValue(zoneNames()) }, Doc: "Names of time zones that datetime_utc_to_local takes."},
	}
}

func isoWeek(t time.Time) int { _, w := t.ISOWeek(); return w }

// lastWholeWeek is the Sunday of 9999 whose week runs into year 10000.
var lastWholeWeek = civil(9999, 12, 26)

// duckDate is the DATE of ticks.
func duckDate(x string) string {
	return fmt.Sprintf("(DATE '0001-01-01' + CAST(%s // %d AS INTEGER))", x, int64(table.TicksPerDay))
}

// edgeOf is the start or the end of the day, week, month or year that lies n of
// them after t's; null outside year 1 to 9999.
func edgeOf(unit string, t, n int64, end bool) table.Value {
	null := table.Null(table.DateTime)
	if n > 4_000_000 || n < -4_000_000 {
		return null
	}
	if end {
		n++
	}
	var start int64
	switch unit {
	case "day":
		start = t - t%table.TicksPerDay + n*table.TicksPerDay
	case "week":
		day := t / table.TicksPerDay
		start = (day - (day+1)%7 + 7*n) * table.TicksPerDay
	case "month":
		d := table.TimeOf(t)
		m := int64(d.Year())*12 + int64(d.Month()) - 1 + n
		if m < 12 || m > 120_000 || m == 120_000 && !end {
			return null
		}
		if m == 120_000 {
			start = table.MaxDateTime + 1
		} else {
			start = civil(int(m/12), int(m%12)+1, 1)
		}
	case "year":
		y := int64(table.TimeOf(t).Year()) + n
		switch {
		case y == 10_000 && end:
			start = table.MaxDateTime + 1
		case y < 1 || y > 9999:
			return null
		default:
			start = civil(int(y), 1, 1)
		}
	}
	if end {
		start--
	}
	return dateTimeOrNull(table.LongValue(start))
}

func edgeSQL(unit string) SQLForm {
	return func(args []string, info []Arg, _ table.Type) (string, bool) {
		if len(args) != 1 || info[0].Type != table.DateTime {
			return "", false
		}
		x, day := args[0], int64(table.TicksPerDay)
		switch unit {
		case "day":
			return fmt.Sprintf("(%[1]s - %[1]s %% %[2]d)", x, day), true
		case "week":
			return fmt.Sprintf("CASE WHEN %[1]s >= %[3]d THEN (%[1]s // %[2]d - (%[1]s // %[2]d + 1) %% 7) * %[2]d END", x, day, 6*day), true
		}
		return fmt.Sprintf("CAST(date_diff('day', DATE '0001-01-01', CAST(date_trunc('%s', %s) AS DATE)) AS BIGINT) * %d", unit, duckDate(x), day), true
	}
}

// unitOf a part of a date that is always as long: its ticks. ok is false for
// years, quarters, months and what is no part.
func unitOf(part string) (float64, bool) {
	switch part {
	case "week":
		return 7 * table.TicksPerDay, true
	case "day":
		return table.TicksPerDay, true
	case "hour":
		return table.TicksPerHour, true
	case "minute":
		return table.TicksPerMinute, true
	case "second":
		return table.TicksPerSecond, true
	case "millisecond":
		return table.TicksPerMillisecond, true
	case "microsecond":
		return table.TicksPerMicrosecond, true
	case "nanosecond":
		return 0.01, true
	}
	return 0, false
}

func monthsOf(part string) int64 {
	switch part {
	case "year":
		return 12
	case "quarter":
		return 3
	case "month":
		return 1
	}
	return 0
}

func datetimeAdd(_ *Context, a []table.Value) table.Value {
	part, n, t := strings.ToLower(a[0].Str()), a[1].Int64(), a[2].Int64()
	null := table.Null(table.DateTime)
	if per, ok := unitOf(part); ok {
		if part == "nanosecond" {
			return dateTimeOrNull(table.LongValue(t + n/100))
		}
		d, ok := mulTicks(n, int64(per))
		if !ok || d > table.MaxDateTime || d < -table.MaxDateTime {
			return null
		}
		return dateTimeOrNull(table.LongValue(t + d))
	}
	per := monthsOf(part)
	if per == 0 || n > 1e6 || n < -1e6 {
		return null
	}
	d := table.TimeOf(t)
	m := int64(d.Year())*12 + int64(d.Month()) - 1 + n*per
	if m < 12 || m >= 120_000 {
		return null
	}
	y, mo := int(m/12), int(m%12)+1
	return table.DateTimeValue(civil(y, mo, min(d.Day(), daysIn(y, mo))) + t%table.TicksPerDay)
}

func datetimeDiff(_ *Context, a []table.Value) table.Value {
	part, x, y := strings.ToLower(a[0].Str()), a[1].Int64(), a[2].Int64()
	if m := monthsOf(part); m > 0 {
		at := func(t int64) int64 {
			d := table.TimeOf(t)
			return (int64(d.Year())*12 + int64(d.Month()) - 1) / m
		}
		return table.LongValue(at(x) - at(y))
	}
	per, ok := unitOf(part)
	switch {
	case !ok:
		return table.Null(table.Long)
	case part == "nanosecond":
		return table.LongValue((x - y) * 100)
	case part == "week":
		at := func(t int64) int64 { return (t/table.TicksPerDay + 1) / 7 }
		return table.LongValue(at(x) - at(y))
	}
	return table.LongValue(x/int64(per) - y/int64(per))
}

func datetimeDiffSQL(args []string, info []Arg, _ table.Type) (string, bool) {
	if info[0].Const == nil || info[1].Type != table.DateTime || info[2].Type != table.DateTime {
		return "", false
	}
	part := strings.ToLower(info[0].Const.Str())
	per, ok := unitOf(part)
	if !ok || part == "nanosecond" || part == "week" {
		return "", false
	}
	return fmt.Sprintf("(%[1]s // %[3]d - %[2]s // %[3]d)", args[1], args[2], int64(per)), true
}

func datetimePart(_ *Context, a []table.Value) table.Value {
	ticks := a[1].Int64()
	t := table.TimeOf(ticks)
	frac := ticks % table.TicksPerSecond
	var n int64
	switch strings.ToLower(a[0].Str()) {
	case "year":
		n = int64(t.Year())
	case "quarter":
		n = int64(t.Month()+2) / 3
	case "month":
		n = int64(t.Month())
	case "week_of_year", "weekofyear":
		n = int64(isoWeek(t))
	case "day":
		n = int64(t.Day())
	case "dayofyear":
		n = int64(t.YearDay())
	case "hour":
		n = int64(t.Hour())
	case "minute":
		n = int64(t.Minute())
	case "second":
		n = int64(t.Second())
	case "millisecond":
		n = frac / table.TicksPerMillisecond
	case "microsecond":
		n = frac / table.TicksPerMicrosecond
	case "nanosecond":
		n = frac * 100
	default:
		return table.Null(table.Int)
	}
	return table.IntValue(n)
}

// zone loads a time zone by its IANA name.
func zone(name string) *time.Location {
	if name == "" || strings.EqualFold(name, "local") {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return loc
}

func offsetAt(utc int64, loc *time.Location) int64 {
	_, seconds := table.TimeOf(utc).In(loc).Zone()
	return int64(seconds) * table.TicksPerSecond
}

func utcToLocal(_ *Context, a []table.Value) table.Value {
	loc := zone(a[1].Str())
	if loc == nil {
		return table.Null(table.DateTime)
	}
	return dateTimeOrNull(table.LongValue(a[0].Int64() + offsetAt(a[0].Int64(), loc)))
}

// localToUTC takes a time that the clocks skip by the offset after the change,
// and of one that they show twice the later (standard time).
func localToUTC(_ *Context, a []table.Value) table.Value {
	loc := zone(a[1].Str())
	if loc == nil {
		return table.Null(table.DateTime)
	}
	t := a[0].Int64()
	before, after := offsetAt(t-table.TicksPerDay, loc), offsetAt(t+table.TicksPerDay, loc)
	utc := t - after
	if offsetAt(utc, loc) != after && offsetAt(t-before, loc) == before {
		utc = t - before
	}
	return dateTimeOrNull(table.LongValue(utc))
}

func makeDatetime(_ *Context, a []table.Value) table.Value {
	if len(a) == 1 {
		return toDateTime(a[0])
	}
	n := [5]int64{}
	var second float64
	for i, v := range a {
		if i == 5 {
			second = v.Number()
			continue
		}
		n[i] = toLong(v).Int64()
	}
	if !(second >= 0 && second < 60) || n[3] < 0 || n[4] < 0 {
		return table.Null(table.DateTime)
	}
	t, ok := date(n[0], n[1], n[2], n[3], n[4], 0, int64(math.Round(second*table.TicksPerSecond)))
	if !ok {
		return table.Null(table.DateTime)
	}
	return dateTimeOrNull(table.LongValue(t))
}

func makeTimespan(_ *Context, a []table.Value) table.Value {
	null := table.Null(table.TimeSpan)
	if len(a) == 1 {
		return toTimeSpan(a[0])
	}
	days := int64(0)
	if len(a) == 4 {
		days = toLong(a[0]).Int64()
		a = a[1:]
	}
	h, m := toLong(a[0]).Int64(), toLong(a[1]).Int64()
	s := 0.0
	if len(a) > 2 {
		s = a[2].Number()
	}
	if h < 0 || h > 23 || m < 0 || m > 59 || !(s >= 0 && s < 60) || days < 0 || days > 10_675_198 {
		return null
	}
	return table.TimeSpanValue(days*table.TicksPerDay + h*table.TicksPerHour + m*table.TicksPerMinute + int64(math.Round(s*table.TicksPerSecond)))
}

func fromUnix(v table.Value, per float64) table.Value {
	epoch := civil(1970, 1, 1)
	if (v.Type() == table.Int || v.Type() == table.Long) && per >= 1 {
		d, ok := mulTicks(v.Int64(), int64(per))
		if !ok || d > table.MaxDateTime {
			return table.Null(table.DateTime)
		}
		return dateTimeOrNull(table.LongValue(epoch + d))
	}
	if v.Type() == table.Int || v.Type() == table.Long {
		return dateTimeOrNull(table.LongValue(epoch + v.Int64()/100))
	}
	f := v.Number() * per
	if math.IsNaN(f) || math.Abs(f) > table.MaxDateTime {
		return table.Null(table.DateTime)
	}
	return dateTimeOrNull(table.LongValue(epoch + int64(math.Floor(f))))
}
