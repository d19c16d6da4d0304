package main

import (
	"bufio"
	"cmp"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"sextant/chart"
)

// printChart draws what render asks for, or what the columns lend themselves to. What cannot be
// drawn is a table, and why it is one goes to standard error.
func (a *app) printChart(r *result) error {
	c, reason, ok := chart.New(r.schema, r.chart)
	if !ok {
		if reason != "" {
			if _, err := io.WriteString(a.err, "shown as a table: "+reason+"\n"); err != nil {
				return err
			}
		}
		return printResult(a.out, r, "table")
	}
	if err := r.each(c.Add); err != nil {
		return err
	}
	out := bufio.NewWriter(a.out)
	if err := c.Draw(out, a.screen()); err != nil {
		return err
	}
	return out.Flush()
}

// screen that answers are shown on: COLUMNS and LINES stand over what the terminal
// says, and what is no terminal has neither colours nor a size.
func (a *app) screen() chart.Screen {
	var s chart.Screen
	f, ok := a.out.(*os.File)
	tty := ok && term.IsTerminal(int(f.Fd()))
	if tty {
		if w, h, err := term.GetSize(int(f.Fd())); err == nil {
			s.Width, s.Height = w, h
		}
	}
	if n, err := strconv.Atoi(a.env["COLUMNS"]); err == nil && n > 0 {
		s.Width = min(n, 1000)
	}
	if n, err := strconv.Atoi(a.env["LINES"]); err == nil && n > 0 {
		s.Height = n
	}
	s.Color = tty && a.env["NO_COLOR"] == "" && a.env["TERM"] != "dumb"
	charset := strings.ToUpper(cmp.Or(a.env["LC_ALL"], a.env["LC_CTYPE"], a.env["LANG"]))
	s.ASCII = !strings.Contains(charset, "UTF-8") && !strings.Contains(charset, "UTF8")
	return s
}
