// Package config is the settings of a running program: one description of them
// yields the file, the environment names and the documentation.
//
// Flags stand over the environment, the environment over the file, the file over
// the defaults. A setting section.key is SEXTANT_SECTION__KEY in the
// environment; with _FILE behind it, the value is read from the file named there.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goccy/go-yaml"

	"sextant/fault"
)

// Config is every setting.
type Config struct {
	Data   string `yaml:"data" doc:"folder that holds everything: log, tables, token; empty is ./sextant-data"`
	Tenant string `yaml:"tenant" doc:"directory id for input that names none; empty sets such input aside"`
	HTTP   HTTP   `yaml:"http"`
	Query  Query  `yaml:"query"`
	Log    Log    `yaml:"log"`
	Tables Tables `yaml:"tables"`
	Alerts Alerts `yaml:"alerts"`
	Mail   Mail   `yaml:"mail"`
	Graph  Graph  `yaml:"graph"`
	SignIn SignIn `yaml:"signin"`

	ExternalData ExternalData `yaml:"externaldata"`
}

// ExternalData is which files queries may read.
type ExternalData struct {
	Allow   string   `yaml:"allow" doc:"what externaldata in queries may fetch, with blanks between: https://host/path and all below it, host; and addresses such as 10.0.0.0/8 that names may resolve to though they are not public; empty fetches nothing"`
	Folder  string   `yaml:"folder" doc:"folder of files that externaldata reads: HOST/PATH in it stands for https://HOST/PATH; empty is none"`
	MaxMB   int      `yaml:"max_mb" doc:"size of the files of one externaldata, unpacked"`
	Timeout Duration `yaml:"timeout" doc:"the longest that one file may take"`
}

// SignIn of people and applications.
type SignIn struct {
	Passwords bool `yaml:"passwords" doc:"let applications send people's passwords (grant_type=password); a page that takes the password itself is safer"`

	Issuer       string `yaml:"issuer" doc:"issuer elsewhere (OpenID Connect) at which people sign in, and whose tokens are taken: https://login.microsoftonline.com/TENANT/v2.0, https://keycloak.example/realms/main; empty is none"`
	Name         string `yaml:"name" doc:"what the button of the sign-in page calls that issuer; empty is its host"`
	ClientID     string `yaml:"client_id" doc:"this server's id there; its address to come back to is https://HOST/-/signin/outside; empty shows no button"`
	ClientSecret string `yaml:"client_secret" secret:"true" doc:"this server's secret there"`
	Scopes       string `yaml:"scopes" doc:"scopes to ask for there besides openid, profile and email, with blanks between"`
	Tenant       string `yaml:"tenant" doc:"directory id here that the people of that issuer belong to"`
	GroupClaim   string `yaml:"group_claim" doc:"claim that has a person's groups there, which groups here are mapped to; empty is groups"`
	NameClaim    string `yaml:"name_claim" doc:"claim that has the user principal name; empty is upn, preferred_username or email"`
	Create       bool   `yaml:"create" doc:"make an account when somebody of that issuer comes for the first time; otherwise an administrator makes it, with issuer and subject"`
	Audiences    string `yaml:"audiences" doc:"audiences of that issuer's access tokens that are taken as bearer tokens, with blanks between; empty takes none"`
	Permissions  string `yaml:"permissions" doc:"permissions that such tokens give besides those they name, with blanks between: AuditLog.Read.All; roles decide the rest"`
}

// HTTP face.
type HTTP struct {
	Addr  string `yaml:"addr" doc:"plain HTTP; anything but loopback exposes tokens on the wire"`
	HTTPS string `yaml:"https" doc:"HTTPS, with a certificate of the folder's own authority (sextant ca export); empty is 127.0.0.1:8443 where that is free, off is none"`
	URL   string `yaml:"url" doc:"how clients find the server, where that is not by its own address: https://logs.example.com; tokens name it as their issuer"`
	Token string `yaml:"token" secret:"true" doc:"administrator's token, besides the keys that are made; empty is none, and the first start makes the key DATA/admin.token"`
}

// Query limits. A query over one of them ends with an error, never with the process.
type Query struct {
	Timeout  Duration `yaml:"timeout" doc:"the longest that one query may run"`
	MemoryMB int      `yaml:"memory_mb" doc:"what one query may hold in the evaluator, and all queries together in the engine"`
	Rows     int      `yaml:"rows" doc:"rows of one answer; Kusto's notruncation and truncationmaxrecords go beyond"`
}

// Log of the tenants.
type Log struct {
	Retention Duration `yaml:"retention" doc:"how long the log keeps events after they came; 0 keeps them for ever"`
}

// Tables of the tenants.
type Tables struct {
	Retention Duration `yaml:"retention" doc:"how long rows stay after their TimeGenerated; 0 keeps them for ever"`
}

// Alerts of the rules that the server evaluates.
type Alerts struct {
	URL        string `yaml:"url" doc:"how others reach this server, for the links in what is sent: https://sextant.example:8443; empty is the address of the plain HTTP face"`
	PublicOnly bool   `yaml:"public_only" doc:"send notifications to public addresses alone; link-local addresses and clouds' metadata are refused always"`
	Roots      string `yaml:"roots" doc:"file of certificates (PEM) that receivers' certificates may be signed by, besides those the system trusts"`
}

// Graph face.
type Graph struct {
	Throttle string `yaml:"throttle" doc:"limits on requests to Microsoft Graph's paths: none, or microsoft, which reproduces the limits, statuses and headers of the service"`
}

// Mail that alerts send.
type Mail struct {
	Server   string `yaml:"server" doc:"mail server that takes what alerts send: smtp.example:587; empty sends no mail"`
	From     string `yaml:"from" doc:"sender of that mail: Sextant <alerts@example.org>"`
	User     string `yaml:"user" doc:"user to sign in with; empty signs in nowhere"`
	Password string `yaml:"password" secret:"true" doc:"password of that user"`
	Security string `yaml:"security" doc:"starttls, tls (from the first byte), or none for a relay on this machine"`
}

// Duration reads 90s, 15m, 12h, 30d and 0.
type Duration time.Duration

func (d Duration) String() string {
	t := time.Duration(d)
	if t >= 24*time.Hour && t%(24*time.Hour) == 0 {
		return strconv.FormatInt(int64(t/(24*time.Hour)), 10) + "d"
	}
	return t.String()
}

func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d *Duration) UnmarshalText(b []byte) error {
	s := strings.TrimSpace(string(b))
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= maxDays) { // NaN is neither
			return fault.New(fault.Invalid, "%q is not a duration; 30d, 12h, 15m and 90s are", s)
		}
		*d = Duration(n * 24 * float64(time.Hour))
		return nil
	}
	if s == "0" {
		*d = 0
		return nil
	}
	t, err := time.ParseDuration(s)
	if err != nil || t < 0 || t > maxDays*24*time.Hour {
		return fault.New(fault.Invalid, "%q is not a duration; 30d, 12h, 15m and 90s are", s)
	}
	*d = Duration(t)
	return nil
}

// maxDays of a duration: a hundred years.
const maxDays = 36500

// Default settings.
func Default() Config {
	return Config{
		HTTP:  HTTP{Addr: "127.0.0.1:8080"},
		Query: Query{Timeout: Duration(10 * time.Minute), MemoryMB: 512, Rows: 500_000},
		Mail:  Mail{Security: "starttls"},
		Graph: Graph{Throttle: "none"},

		ExternalData: ExternalData{MaxMB: 64, Timeout: Duration(30 * time.Second)},
	}
}

// Load settings: defaults, the file (none when path is empty), the environment.
// environ has entries NAME=value.
func Load(path string, environ []string) (Config, error) {
	c := Default()
	if path != "" {
		text, err := os.ReadFile(path)
		if err != nil {
			return c, fault.New(fault.Invalid, "cannot read the configuration: %w", err)
		}
		if !utf8.Valid(text) {
			return c, fault.New(fault.Invalid, "%s is not UTF-8 text", path)
		}
		file := c
		err = yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&file)
		switch {
		case err == nil:
			c = file
		case !errors.Is(err, io.EOF): // a file that says nothing, which empties what it is decoded into
			return c, fault.New(fault.Invalid, "%s: %s", path, yaml.FormatError(err, false, true))
		}
	}
	env := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "SEXTANT_") {
			env[name] = value
		}
	}
	known := map[string]bool{}
	for _, s := range Settings(&c) {
		known[s.Env], known[s.Env+"_FILE"] = true, true
		value := env[s.Env]
		if file := env[s.Env+"_FILE"]; file != "" {
			text, err := os.ReadFile(file)
			if err != nil {
				return c, fault.New(fault.Invalid, "%s_FILE: %w", s.Env, err)
			}
			value = strings.TrimSpace(string(text))
		}
		if value != "" { // empty is as good as not there, which some shells cannot say
			if err := s.Set(value); err != nil {
				return c, fault.New(fault.Invalid, "%s: %w", s.Env, err)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if strings.Contains(name, "__") && !known[name] {
			return c, fault.New(fault.Invalid, "%s names no setting; `sextant config print` lists them", name)
		}
	}
	return c, c.Validate()
}

// Validate checks what can be checked without touching anything.
func (c *Config) Validate() error {
	host, port, err := net.SplitHostPort(c.HTTP.Addr)
	if _, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || strings.ContainsAny(host, "/ ") {
		return fault.New(fault.Invalid, "http.addr is %q; an address and a port such as 127.0.0.1:8080 work, port 0 takes a free one", c.HTTP.Addr)
	}
	if c.HTTP.HTTPS != "" && c.HTTP.HTTPS != "off" {
		if _, port, err := net.SplitHostPort(c.HTTP.HTTPS); err != nil || !isPort(port) {
			return fault.New(fault.Invalid, "http.https is %q; an address and a port such as 127.0.0.1:8443 work, port 0 takes a free one, and off", c.HTTP.HTTPS)
		}
	}
	if c.HTTP.Token != "" && len(c.HTTP.Token) < 16 {
		return fault.New(fault.Invalid, "http.token has %d characters; give at least 16, or none and one is made", len(c.HTTP.Token))
	}
	switch {
	case c.Query.MemoryMB > 1<<20:
		return fault.New(fault.Invalid, "query.memory_mb is %d; that is over a terabyte", c.Query.MemoryMB)
	case c.Query.MemoryMB < 16:
		return fault.New(fault.Invalid, "query.memory_mb is %d; 16 is the least that works", c.Query.MemoryMB)
	case c.Query.Rows < 1:
		return fault.New(fault.Invalid, "query.rows is %d; it must be positive", c.Query.Rows)
	case c.Query.Timeout <= 0:
		return fault.New(fault.Invalid, "query.timeout must be positive")
	case c.Graph.Throttle != "none" && c.Graph.Throttle != "microsoft":
		return fault.New(fault.Invalid, "graph.throttle is %q; none and microsoft work", c.Graph.Throttle)
	case c.ExternalData.MaxMB < 1 || c.ExternalData.MaxMB > 1<<20:
		return fault.New(fault.Invalid, "externaldata.max_mb is %d; 64 is usual", c.ExternalData.MaxMB)
	case c.ExternalData.Timeout <= 0:
		return fault.New(fault.Invalid, "externaldata.timeout must be positive")
	}
	return nil
}

func isPort(s string) bool { _, err := strconv.ParseUint(s, 10, 16); return err == nil }

// Setting is one leaf of the configuration.
type Setting struct {
	Name   string // section.key
	Env    string
	Doc    string
	Secret bool
	Value  string
	field  reflect.Value
}

// Set from text.
func (s Setting) Set(text string) error {
	if u, ok := s.field.Addr().Interface().(interface{ UnmarshalText([]byte) error }); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch s.field.Kind() {
	case reflect.String:
		if !utf8.ValidString(text) {
			return fault.New(fault.Invalid, "%q is not UTF-8", text)
		}
		s.field.SetString(text)
	case reflect.Int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fault.New(fault.Invalid, "%q is not a whole number", text)
		}
		s.field.SetInt(int64(n))
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fault.New(fault.Invalid, "%q is neither true nor false", text)
		}
		s.field.SetBool(b)
	default:
		panic("config: no way to set a " + s.field.Kind().String())
	}
	return nil
}

// Settings of c, in the order of the file.
func Settings(c *Config) []Setting { return settings(reflect.ValueOf(c).Elem(), "") }

func settings(v reflect.Value, prefix string) []Setting {
	var out []Setting
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := prefix + f.Tag.Get("yaml")
		if f.Type.Kind() == reflect.Struct {
			out = append(out, settings(v.Field(i), name+".")...)
			continue
		}
		s := Setting{
			Name: name, Doc: f.Tag.Get("doc"), Secret: f.Tag.Get("secret") != "", field: v.Field(i),
			Env:   "SEXTANT_" + strings.ToUpper(strings.ReplaceAll(name, ".", "__")),
			Value: fmt.Sprint(v.Field(i).Interface()),
		}
		if s.Secret && s.Value != "" {
			s.Value = "(set)"
		}
		out = append(out, s)
	}
	return out
}

// YAML prints settings as a file that Load reads, each with what it is for.
func YAML(c *Config) string {
	var b strings.Builder
	section := ""
	for _, s := range Settings(c) {
		key := s.Name
		indent := ""
		if sec, k, ok := strings.Cut(s.Name, "."); ok {
			if sec != section {
				fmt.Fprintf(&b, "%s:\n", sec)
				section = sec
			}
			key, indent = k, "  "
		}
		value := s.Value
		if s.field.Kind() == reflect.String {
			value = strconv.Quote(value)
		}
		if s.Secret && s.Value != "" {
			value = "\"\" # set, and not shown"
		}
		fmt.Fprintf(&b, "%s# %s (%s)\n%s%s: %s\n", indent, s.Doc, s.Env, indent, key, value)
	}
	return b.String()
}

// Markdown is the table of settings for the documentation: the defaults.
func Markdown() string {
	c := Default()
	var b strings.Builder
	b.WriteString("| setting | environment | default | what it is |\n|---|---|---|---|\n")
	for _, s := range Settings(&c) {
		value := "`" + s.Value + "`"
		if s.Value == "" {
			value = "empty"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Name, s.Env, value, s.Doc)
	}
	return b.String()
}
