package record

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// samples are the published exports of the reference folder, when it is there.
func samples(tb testing.TB, pattern string) [][]byte {
	tb.Helper()
	dir := filepath.Join("..", "..", "shared", "samples")
	if _, err := os.Stat(dir); err != nil {
		tb.Skip("the reference samples are not beside the repository")
	}
	files, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(files) == 0 {
		tb.Fatalf("no samples match %s", pattern)
	}
	var out [][]byte
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		for line := range bytes.Lines(data) {
			if line = bytes.TrimSpace(line); len(line) > 0 {
				out = append(out, line)
			}
		}
	}
	return out
}

func model(tb testing.TB) *Model {
	tb.Helper()
	m, err := New()
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func total(recs [][]byte) (n int64) {
	for _, r := range recs {
		n += int64(len(r))
	}
	return n
}

func BenchmarkIdentify(b *testing.B) {
	m, recs := model(b), samples(b, "sign-in/datadog-SignInLogs*")
	b.SetBytes(total(recs) / int64(len(recs)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := m.Identify(recs[i%len(recs)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkAdd(b *testing.B) {
	m, recs := model(b), samples(b, "sign-in/datadog-SignInLogs*")
	build := m.NewBuilder()
	b.SetBytes(total(recs) / int64(len(recs)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if err := build.Add(recs[i%len(recs)], nil, Source{}); err != nil {
			b.Fatal(err)
		}
		if i++; i%2000 == 0 {
			build.Take()
		}
	}
}

func BenchmarkIdentifyThenAdd(b *testing.B) {
	m, recs := model(b), samples(b, "sign-in/datadog-SignInLogs*")
	build := m.NewBuilder()
	b.SetBytes(total(recs) / int64(len(recs)))
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		r := recs[i%len(recs)]
		id, err := build.Identify(r)
		if err != nil {
			b.Fatal(err)
		}
		if err := build.Add(r, &id, Source{}); err != nil {
			b.Fatal(err)
		}
		if i++; i%2000 == 0 {
			build.Take()
		}
	}
}

func BenchmarkSplitEvent(b *testing.B) {
	recs := samples(b, "sign-in/datadog-SignInLogs*")
	event := BuildEvent(nil, recs)
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		if err := SplitEvent(event, func(int, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	recs := samples(b, "sign-in/datadog-SignInLogs*")
	var t tape
	b.SetBytes(total(recs) / int64(len(recs)))
	i := 0
	for b.Loop() {
		if err := t.scan(recs[i%len(recs)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
