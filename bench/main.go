// Command bench measures what docs/benchmarks.md states of the whole program, with
// the program itself: import into a fresh folder, bytes on disk, memory of a
// server that imports while others read.
//
//	go run ./bench [-records N] [-runs N] [-only import,server]
//
// It wants bin/sextant (make build) and an otherwise idle machine. Each figure is
// the median of the runs.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sextant/access"
	"sextant/client"
	"sextant/source/simulate"
)

func main() {
	records := flag.Int("records", 300_000, "records of the import")
	runs := flag.Int("runs", 3, "runs of each measurement")
	only := flag.String("only", "import,server", "which measurements")
	bin := flag.String("bin", "bin/sextant", "the program")
	flag.Parse()
	if err := run(*bin, *records, *runs, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(bin string, records, runs int, only []string) error {
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "sextant-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	input := filepath.Join(dir, "records.ndjson")
	size, err := generate(input, records)
	if err != nil {
		return err
	}
	fmt.Printf("machine: %s\n", machine())
	fmt.Printf("input: %d records in the mix of the samples, %.0f bytes each\n\n", records, float64(size)/float64(records))
	if slices.Contains(only, "import") {
		if err := benchImport(bin, dir, input, records, runs, size); err != nil {
			return err
		}
	}
	if slices.Contains(only, "server") {
		if err := benchServer(bin, dir, input, records, runs); err != nil {
			return err
		}
	}
	return nil
}

// generate the input file.
func generate(path string, records int) (size int64, err error) {
	// At 500 users and 400 records a user and day, so many days are more than enough.
	end := time.Date(2026, 1, 31, 0, 0, 0, 0, time.UTC)
	days := records/(500*100) + 2
	t, err := simulate.New(simulate.Config{Seed: 7, Users: 500, RecordsPerUserDay: 100, Mix: "samples", Start: end.AddDate(0, 0, -days), End: end, MaxRecords: records, Duplicates: -1})
	if err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	n, err := t.WriteNDJSON(w)
	if err = errors.Join(err, w.Flush(), f.Close()); err != nil {
		return 0, err
	}
	if n != records {
		return 0, fmt.Errorf("the simulator made %d records of %d", n, records)
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// benchImport imports the file into a new folder, as a person would, and weighs
// the folder before and after maintenance.
func benchImport(bin, dir, input string, records, runs int, size int64) error {
	var rates, hot, hotLog, hotTables, sealed, sealedLog, sealedTables, ids []float64
	for i := range runs {
		data := filepath.Join(dir, "data")
		began := time.Now()
		if err := command(bin, "import", "--data", data, "-q", input); err != nil {
			return err
		}
		took := time.Since(began)
		rates = append(rates, float64(records)/took.Seconds())
		log, tables, _, err := weigh(data) // the index counts once the folder is whole
		if err != nil {
			return err
		}
		n := float64(records)
		hotLog, hotTables = append(hotLog, float64(log)/n), append(hotTables, float64(tables)/n)
		hot = append(hot, float64(size)/float64(log+tables))
		if i == 0 {
			if err := command(bin, "query", "--data", data, "union withsource=T AAD*, SigninLogs, AuditLogs, MicrosoftGraphActivityLogs | summarize count() by T"); err != nil {
				return err
			}
		}
		if err := command(bin, "maintain", "--data", data); err != nil {
			return err
		}
		log, tables, id, err := weigh(data)
		if err != nil {
			return err
		}
		sealedLog, sealedTables = append(sealedLog, float64(log)/n), append(sealedTables, float64(tables)/n)
		sealed = append(sealed, float64(size)/float64(log+tables))
		ids = append(ids, float64(id)/n)
		if err := os.RemoveAll(data); err != nil {
			return err
		}
	}
	fmt.Printf("| import, from the command's start to its end: durable and queryable | %.0f records/s |\n", median(rates))
	fmt.Printf("| bytes a record while hot: log %.0f, tables %.0f | 1/%.1f of the JSON |\n", median(hotLog), median(hotTables), median(hot))
	fmt.Printf("| bytes a record once sealed: log %.0f, tables %.0f | 1/%.1f of the JSON |\n", median(sealedLog), median(sealedTables), median(sealed))
	fmt.Printf("| identity index | %.0f bytes a record |\n\n", median(ids))
	return nil
}

func command(bin string, args ...string) error {
	cmd := exec.Command(bin, args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s %s: %w\n%s", bin, strings.Join(args, " "), err, out)
	}
	return nil
}

// weigh the parts of a data folder.
func weigh(data string) (log, tables, ids int64, err error) {
	err = filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch part := strings.Split(strings.TrimPrefix(path, data), string(filepath.Separator)); {
		case slices.Contains(part, "log"):
			log += info.Size()
		case slices.Contains(part, "tables"):
			tables += info.Size()
		case slices.Contains(part, "identity"):
			ids += info.Size()
		}
		return nil
	})
	return log, tables, ids, err
}

var answersAt = regexp.MustCompile(`answers at (http://\S+)`)

// benchServer imports through a server while four readers ask, and reads the
// server's peak memory.
func benchServer(bin, dir, input string, records, runs int) error {
	var rates, peaks, answers []float64
	for range runs {
		data := filepath.Join(dir, "served")
		cmd := exec.Command(bin, "serve", "--data", data, "--http", "127.0.0.1:0")
		errs, err := cmd.StderrPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		in := bufio.NewReader(errs)
		addr := ""
		for addr == "" {
			line, err := in.ReadString('\n')
			if err != nil {
				return fmt.Errorf("the server ended: %w", err)
			}
			if m := answersAt.FindStringSubmatch(line); m != nil {
				addr = m[1]
			}
		}
		go func() { _, _ = in.WriteTo(os.Stderr) }()
		token, err := access.ReadToken(data)
		if err != nil {
			return err
		}
		c, err := client.New(addr, token)
		if err != nil {
			return err
		}
		ctx, stop := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		var mu sync.Mutex
		var times []float64
		for i := range 4 {
			wg.Go(func() {
				queries := []string{
					"SigninLogs | summarize count() by ResultType",
					"AADNonInteractiveUserSignInLogs | summarize dcount(IPAddress) by UserPrincipalName | top 10 by dcount_IPAddress",
					"SigninLogs | where tostring(LocationDetails.city) != '' | summarize count() by tostring(LocationDetails.city), bin(TimeGenerated, 1h)",
					"AuditLogs | where OperationName has 'user' | take 100",
				}
				for ctx.Err() == nil {
					began := time.Now()
					if _, err := c.Query(ctx, "", queries[i], ""); err != nil {
						time.Sleep(50 * time.Millisecond) // no tenant yet
						continue
					}
					mu.Lock()
					times = append(times, time.Since(began).Seconds()*1000)
					mu.Unlock()
				}
			})
		}
		began := time.Now()
		err = command(bin, "import", "--data", data, "-q", input)
		took := time.Since(began)
		stop()
		wg.Wait()
		peak := peakMemory(cmd.Process.Pid)
		err = errors.Join(err, cmd.Process.Signal(os.Interrupt), cmd.Wait(), os.RemoveAll(data))
		if err != nil {
			return err
		}
		rates, peaks, answers = append(rates, float64(records)/took.Seconds()), append(peaks, peak), append(answers, median(times))
	}
	fmt.Printf("| import through a server that four readers ask | %.0f records/s |\n", median(rates))
	fmt.Printf("| answers meanwhile, median | %.0f ms |\n", median(answers))
	fmt.Printf("| peak memory of that server | %.0f MB |\n\n", median(peaks))
	return nil
}

// peakMemory of a process, in MB.
func peakMemory(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kb / 1000
		}
	}
	return 0
}

func median(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}

func machine() string {
	name := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range bytes.Lines(text) {
			if k, v, ok := bytes.Cut(line, []byte(":")); ok && strings.TrimSpace(string(k)) == "model name" {
				name = strings.TrimSpace(string(v))
				break
			}
		}
	}
	out, _ := json.Marshal(runtime.Version())
	return fmt.Sprintf("%s, %d cores, %s", name, runtime.NumCPU(), strings.Trim(string(out), `"`))
}
