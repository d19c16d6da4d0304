package record

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseTime(t *testing.T) {
	data, err := os.ReadFile("testdata/times.txt")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	err = lines(string(data), func(_ int, line string) error {
		in, want, _ := strings.Cut(line, " = ")
		have := "none"
		if ticks, ok := ParseTime(in); ok {
			have = string(formatTime(nil, ticks))
		}
		if have != want {
			t.Errorf("%q is %s, not %s", in, have, want)
		}
		n++
		return nil
	})
	if err != nil || n < 40 {
		t.Fatal(n, err)
	}
	if _, ok := ParseTime(""); ok {
		t.Error("the empty text is no time")
	}
}

func FuzzParseTime(f *testing.F) {
	data, err := os.ReadFile("testdata/times.txt")
	if err != nil {
		f.Fatal(err)
	}
	_ = lines(string(data), func(_ int, line string) error {
		in, _, _ := strings.Cut(line, " = ")
		f.Add(in)
		return nil
	})
	f.Fuzz(func(t *testing.T, s string) {
		ticks, ok := ParseTime(s)
		if !ok {
			return
		}
		if ticks < 0 || ticks >= maxTicks {
			t.Fatalf("%q: %d ticks", s, ticks)
		}
		text := string(formatTime(nil, ticks))
		if again, ok := ParseTime(text); !ok || again != ticks {
			t.Fatalf("%q is %s, which is %d", s, text, again)
		}
		// Where the library knows the form too, it says the same.
		if want, err := time.Parse(time.RFC3339Nano, s); err == nil && want.Year() >= 1 {
			if w := (want.Unix()+62135596800)*ticksSecond + int64(want.Nanosecond()/100); w != ticks {
				t.Fatalf("%q is %d ticks, not %d", s, ticks, w)
			}
		}
	})
}
