// Command sextant keeps an organisation's Microsoft Entra activity logs and
// answers for them. This file wires flags to commands; each command has its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"sextant/config"
	"sextant/fault"
)

// version is set by the build.
var version = "dev"

// Exit codes.
const (
	exitOK          = 0
	exitFailed      = 1 // could not be done
	exitUsage       = 2 // the command line, the configuration or the query is wrong
	exitIncomplete  = 3 // done, but something was set aside
	exitInterrupted = 130
)

// CLI is the command line. Flags stand over the environment, the environment
// over the configuration file.
type CLI struct {
	Config     string `short:"c" type:"path" placeholder:"FILE" help:"Configuration file (YAML); see 'sextant config print'." env:"SEXTANT_CONFIG"`
	Data       string `type:"path" placeholder:"DIR" help:"Data folder. A command works on it directly when no server holds it, and through the server when one does."`
	Tenant     string `placeholder:"ID" help:"Directory (or workspace) id; needed where there are several tenants, or where input names none."`
	Server     string `placeholder:"URL" env:"SEXTANT_SERVER" help:"Talk to this server instead of a folder."`
	Token      string `placeholder:"TOKEN" env:"SEXTANT_TOKEN" help:"Token for the server; by default DATA/admin.token. On a command line others can see it: prefer the environment."`
	Ver        bool   `name:"version" help:"Print the version."`
	CPUProfile string `hidden:"" type:"path" placeholder:"FILE" help:"Write a CPU profile of this command."`

	Serve    ServeCmd    `cmd:"" help:"Run the server."`
	Demo     DemoCmd     `cmd:"" help:"Make a tenant with weeks of logs, keep a live feed running, and show where to look."`
	Import   ImportCmd   `cmd:"" help:"Bring exported logs in: files, folders, archives, standard input."`
	Simulate SimulateCmd `cmd:"" help:"Write the logs of a made-up tenant, attacks woven in."`
	Query    QueryCmd    `cmd:"" help:"Ask a question in KQL."`
	Alert    AlertCmd    `cmd:"" help:"Alert rules: list them, look at one, try one out."`
	Graph    GraphCmd    `cmd:"" help:"Ask as Microsoft Graph is asked."`
	Tail     TailCmd     `cmd:"" help:"Show records as they come in."`
	KQL      KQLCmd      `cmd:"" name:"kql" help:"Tools for KQL: run or check many queries."`
	Maintain MaintainCmd `cmd:"" help:"Seal and recompress the log, merge the tables, apply retention: now."`
	Login    LoginCmd    `cmd:"" help:"Sign in at a server, with a browser."`
	Logout   LogoutCmd   `cmd:"" help:"Forget the sign-in at a server."`
	Tenants  TenantsCmd  `cmd:"" help:"List the tenants of a data folder."`
	Tnt      TenantCmd   `cmd:"" name:"tenant" help:"Tenants of the directory: names, domains, licences."`
	User     UserCmd     `cmd:"" help:"Users: who signs in."`
	Group    GroupCmd    `cmd:"" help:"Groups of users."`
	App      AppCmd      `cmd:"" help:"Applications: what signs in as itself, or for people."`
	Role     RoleCmd     `cmd:"" help:"Roles: who may read what."`
	Key      KeyCmd      `cmd:"" help:"API keys, for scripts."`
	CA       CACmd       `cmd:"" name:"ca" help:"The certificate authority of a data folder."`
	Conf     ConfCmd     `cmd:"" name:"config" help:"Print or check the configuration."`
	Version  VersionCmd  `cmd:"" help:"Print the version."`

	Watchlist  WatchlistCmd  `cmd:"" help:"Lists of values that queries read by an alias."`
	Completion CompletionCmd `cmd:"" help:"Print the completion script of a shell: bash, zsh, fish."`
	Words      WordsCmd      `cmd:"" name:"complete-words" hidden:""`
}

// description is what a stranger reads first.
const description = `Keeps Microsoft Entra activity logs, and answers for them.

Try it with a made-up tenant:

  sextant demo

Bring your own logs, and ask:

  sextant import --data logs ~/exports
  sextant query --data logs 'SigninLogs | summarize count() by ResultType'

Exit codes: 0 done; 1 it could not be done; 2 the command line, the configuration or the query is wrong; 3 done, but
something was set aside (import --strict); 130 interrupted.`

// app is what a command gets: settings, streams, and a context that ends on
// Ctrl-C.
type app struct {
	cli    *CLI
	env    map[string]string
	conf   config.Config
	ctx    context.Context
	in     *interruptible
	out    io.Writer
	err    io.Writer
	logger *slog.Logger
	clock  func() time.Time
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		stop() // a second Ctrl-C ends the process at once
	}()
	os.Exit(run(ctx, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}

// run is main without the process, for tests.
func run(ctx context.Context, args, environ []string, in io.Reader, out, errs io.Writer) int {
	var cli CLI
	parser, err := kong.New(&cli,
		kong.Name("sextant"),
		kong.Description(description),
		kong.Writers(out, errs),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 110}),
	)
	if err != nil {
		fmt.Fprintln(errs, err)
		return exitFailed
	}
	code := exitOK
	func() {
		defer func() {
			if x := recover(); x != nil {
				c, ok := x.(exit)
				if !ok {
					panic(x)
				}
				code = int(c)
			}
		}()
		var kctx *kong.Context
		if len(args) == 0 {
			args = []string{"--help"}
		}
		if slices.Equal(args, []string{"--version"}) {
			args = []string{"version"}
		}
		kctx, err = parser.Parse(args)
		if err != nil {
			fmt.Fprintf(errs, "sextant: %v\n", err)
			var wrong *kong.ParseError
			command := ""
			if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Command() != "" {
				command, _, _ = strings.Cut(wrong.Context.Command(), " <")
				command += " "
			}
			fmt.Fprintf(errs, "`sextant %s--help` says what can be given\n", command)
			code = exitUsage
			return
		}
		a := &app{cli: &cli, env: map[string]string{}, ctx: ctx, in: &interruptible{ctx: ctx, r: in}, out: out, err: errs, clock: time.Now}
		for _, e := range environ {
			name, value, _ := strings.Cut(e, "=")
			a.env[name] = value
		}
		a.logger = slog.New(slog.NewTextHandler(errs, &slog.HandlerOptions{Level: slog.LevelWarn}))
		if a.conf, err = config.Load(cli.Config, environ); err == nil {
			if cli.Data != "" {
				a.conf.Data = cli.Data
			}
			if cli.Tenant != "" {
				a.conf.Tenant = cli.Tenant
			}
			err = a.profiled(func() error { return kctx.Run(a) })
		}
		code = a.report(err)
	}()
	return code
}

// profiled runs f under the profiler when a flag asks for it.
func (a *app) profiled(f func() error) error {
	if a.cli.CPUProfile == "" {
		return f()
	}
	out, err := os.Create(a.cli.CPUProfile)
	if err != nil {
		return fault.New(fault.Invalid, "cannot write the profile: %w", err)
	}
	if err := pprof.StartCPUProfile(out); err != nil {
		return errors.Join(err, out.Close())
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, out.Close())
}

// interruptible is an input that Ctrl-C ends although nobody types or writes.
type interruptible struct {
	ctx  context.Context
	r    io.Reader
	came chan error // one for each fill of buf
	buf  []byte
	left []byte // of buf, not yet given
	err  error
}

func (i *interruptible) Read(p []byte) (int, error) {
	if i.came == nil {
		i.came, i.buf = make(chan error, 1), make([]byte, 256<<10)
	}
	if len(i.left) == 0 {
		if i.err != nil {
			return 0, i.err
		}
		n := 0
		go func() {
			var err error
			n, err = i.r.Read(i.buf)
			i.came <- err
		}()
		select {
		case i.err = <-i.came:
			i.left = i.buf[:n]
		case <-i.ctx.Done():
			i.err = i.ctx.Err() // what is still read goes nowhere
			return 0, i.err
		}
	}
	n := copy(p, i.left)
	i.left = i.left[n:]
	if n == 0 {
		return 0, i.err
	}
	return n, nil
}

type exit int

// codeError ends the program with a code, its text having been shown.
type codeError int

func (c codeError) Error() string { return fmt.Sprintf("exit %d", int(c)) }

// report an error to the person at the keyboard, and say how to end.
func (a *app) report(err error) int {
	var code codeError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &code):
		return int(code)
	case errors.Is(err, context.Canceled) && a.ctx.Err() != nil:
		return exitInterrupted
	}
	fmt.Fprintf(a.err, "sextant: %v\n", err)
	if fault.KindOf(err) == fault.Invalid {
		return exitUsage
	}
	return exitFailed
}

// VersionCmd prints the version.
type VersionCmd struct{}

// Run it.
func (VersionCmd) Run(a *app) error {
	_, err := fmt.Fprintln(a.out, "sextant", version)
	return err
}

// ConfCmd groups the configuration's commands.
type ConfCmd struct {
	Print    ConfPrintCmd    `cmd:"" help:"Print every setting, what it is for, and its name in the environment."`
	Validate ConfValidateCmd `cmd:"" help:"Check the configuration and say what is wrong with it."`
}

// ConfPrintCmd prints the settings in force.
type ConfPrintCmd struct{}

// Run it.
func (ConfPrintCmd) Run(a *app) error {
	_, err := io.WriteString(a.out, config.YAML(&a.conf))
	return err
}

// ConfValidateCmd checks the configuration.
type ConfValidateCmd struct{}

// Run it. What is wrong was found while loading, as far as it can be said without
// looking at anything else.
func (ConfValidateCmd) Run(a *app) error {
	sender, err := a.sender()
	if err != nil {
		return err
	}
	sender.Close()
	_, err = fmt.Fprintln(a.out, "the configuration is valid")
	return err
}
