// Package config is the settings of a running program: one description of them
// yields the file, the environment names and the documentation.
//
// Flags stand over the environment, the environment over the file, the file over
// the defaults. A setting section.key is SEXTANT_SECTION__KEY in the
// environment; with _FILE behind it, the value is read from the file named there.
package config

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"sextant/fault"
)

// Config is every setting.
type Config struct {
	Data   string `yaml:"data" doc:"folder that holds everything: log, tables, keys"`
	Tenant string `yaml:"tenant" doc:"directory id for input that names none; empty sets such input aside"`
	HTTP   HTTP   `yaml:"http"`
	Query  Query  `yaml:"query"`
	Log    Log    `yaml:"log"`
	Tables Tables `yaml:"tables"`
}

// HTTP face.
type HTTP struct {
	Addr  string `yaml:"addr" doc:"plain HTTP; anything but loopback exposes tokens on the wire"`
	Token string `yaml:"token" secret:"true" doc:"administrator token; empty uses DATA/admin.token, made on the first start"`
}

// Query limits. A query over one of them ends with an error, never with the process.
type Query struct {
	Timeout  Duration `yaml:"timeout" doc:"the longest that one query may run"`
	MemoryMB int      `yaml:"memory_mb" doc:"what one query may hold in the evaluator, and all queries together in the engine"`
	Rows     int      `yaml:"rows" doc:"rows of one answer"`
}

// Log of the tenants.
type Log struct {
	Retention Duration `yaml:"retention" doc:"how long the log keeps events after they came; 0 keeps them for ever"`
}

// Tables of the tenants.
type Tables struct {
	Retention Duration `yaml:"retention" doc:"how long rows stay after their TimeGenerated; 0 keeps them for ever"`
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
		if err != nil || n < 0 || n > 36500 {
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
	if err != nil || t < 0 {
		return fault.New(fault.Invalid, "%q is not a duration; 30d, 12h, 15m and 90s are", s)
	}
	*d = Duration(t)
	return nil
}

// Default settings.
func Default() Config {
	return Config{
		HTTP:  HTTP{Addr: "127.0.0.1:8080"},
		Query: Query{Timeout: Duration(10 * time.Minute), MemoryMB: 512, Rows: 500_000},
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
		if err := yaml.NewDecoder(bytes.NewReader(text), yaml.DisallowUnknownField()).Decode(&c); err != nil && len(bytes.TrimSpace(text)) > 0 {
			return c, fault.New(fault.Invalid, "%s: %s", path, yaml.FormatError(err, false, true))
		}
	}
	env := map[string]string{}
	for _, e := range environ {
		if name, value, ok := strings.Cut(e, "="); ok && strings.HasPrefix(name, "SEXTANT_") {
			env[name] = value
		}
	}
	for _, s := range Settings(&c) {
		value, ok := env[s.Env]
		if file, has := env[s.Env+"_FILE"]; has {
			text, err := os.ReadFile(file)
			if err != nil {
				return c, fault.New(fault.Invalid, "%s_FILE: %w", s.Env, err)
			}
			value, ok = strings.TrimSpace(string(text)), true
		}
		if ok {
			if err := s.Set(value); err != nil {
				return c, fault.New(fault.Invalid, "%s: %w", s.Env, err)
			}
		}
	}
	return c, c.Validate()
}

// Validate checks what can be checked without touching anything.
func (c *Config) Validate() error {
	switch {
	case c.Query.MemoryMB < 16:
		return fault.New(fault.Invalid, "query.memory_mb is %d; 16 is the least that works", c.Query.MemoryMB)
	case c.Query.Rows < 1:
		return fault.New(fault.Invalid, "query.rows is %d; it must be positive", c.Query.Rows)
	case c.Query.Timeout <= 0:
		return fault.New(fault.Invalid, "query.timeout must be positive")
	}
	return nil
}

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
