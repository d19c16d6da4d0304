package fn

import (
	"encoding/xml"
	"io"
	"strings"

	"sextant/table"
)

// parsing is the table of functions that read structured text.
func parsing() []Scalar {
	read := func(name, doc string, f func(string) any, aliases ...string) Scalar {
		return Scalar{Name: name, Aliases: aliases, Sigs: sigs("text:string -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			return dynValue(f(a[0].Str()))
		}, Doc: doc}
	}
	return []Scalar{
		read("parse_url", "A bag of a URL's parts: Scheme, Host, Port, Path, Username, Password, Query Parameters, Fragment.", parseURL, "parseurl"),
		read("parse_urlquery", "A bag of a URL query's parameters, under Query Parameters.", func(s string) any {
			o := &table.Object{}
			o.Set("Query Parameters", queryParameters(strings.TrimPrefix(s, "?")))
			return o
		}, "parseurlquery"),
		read("parse_path", "A bag of a file path's parts: Scheme, RootPath, DirectoryPath, DirectoryName, Filename, Extension, AlternateDataStreamName.", parsePath),
		read("parse_csv", "Array of the fields of one line of comma-separated values.", func(s string) any { return parseCSV(s) }),
		read("parse_xml", "The dynamic of an XML text: elements as bags, attributes under @name, text under #text; null where it is none.", parseXML),
		{Name: "parse_command_line", Sigs: sigs("command:str, parser:string -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			if !strings.EqualFold(a[1].Str(), "windows") {
				return nullDynamic
			}
			return dynValue(commandLine(a[0].Str()))
		}, Doc: "Array of a Windows command line's arguments; the parser is \"windows\"."},
		{Name: "parse_version", Sigs: sigs("version:string -> decimal"), Eval: func(_ *Context, a []table.Value) table.Value {
			return parseVersion(a[0].Str())
		}, Doc: "A number that sorts as the version (up to four numbers with dots) does."},
		{Name: "parse_user_agent", Sigs: sigs("agent:string, parts?:string|dynamic -> dynamic"), Eval: func(_ *Context, a []table.Value) table.Value {
			return parseUserAgent(a)
		}, Doc: "A bag of what a browser says of itself: Browser, OperatingSystem, Device, as asked for with browser, os and device."},
		{Name: "punycode_to_string", Sigs: sigs("text:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			s, _ := fromPunycode(a[0].Str())
			return str(s)
		}, Doc: "The text of punycode."},
		{Name: "punycode_from_string", Sigs: sigs("text:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value { return str(toPunycode(a[0].Str())) }, Doc: "The text in punycode."},
		{Name: "punycode_domain_to_string", Sigs: sigs("domain:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			return str(mapLabels(a[0].Str(), func(l string) string {
				if p := toPunycode(l); p != l+"-" && p != l {
					return "xn--" + p
				}
				return l
			}))
		}, Doc: "A domain name with its labels in punycode."},
		{Name: "punycode_domain_from_string", Sigs: sigs("domain:string -> string"), Eval: func(_ *Context, a []table.Value) table.Value {
			return str(mapLabels(a[0].Str(), func(l string) string {
				if len(l) > 4 && strings.EqualFold(l[:4], "xn--") {
					if s, ok := fromPunycode(l[4:]); ok {
						return s
					}
				}
				return l
			}))
		}, Doc: "A domain name with its labels out of punycode."},
	}
}

// parseURL cuts a URL into its parts; a part that is missing is empty.
func parseURL(s string) any {
	var scheme, host, port, path, user, password, fragment string
	rest := s
	if i := strings.Index(rest, "://"); i > 0 {
		scheme, rest = rest[:i], rest[i+3:]
	} else if i := strings.IndexByte(rest, ':'); i > 0 && !strings.ContainsAny(rest[:i], "/?#.") && !allDigits(rest[i+1:]) {
		scheme, rest = rest[:i], rest[i+1:]
	}
	rest, fragment, _ = strings.Cut(rest, "#")
	rest, query, _ := strings.Cut(rest, "?")
	if scheme != "" && !strings.Contains(s, "://") {
		path = rest
	} else {
		authority := rest
		if i := strings.IndexByte(rest, '/'); i >= 0 {
			authority, path = rest[:i], rest[i:]
		}
		if i := strings.LastIndexByte(authority, '@'); i >= 0 {
			user, password, _ = strings.Cut(authority[:i], ":")
			authority = authority[i+1:]
		}
		host = authority
		if i := strings.LastIndexByte(authority, ':'); i >= 0 && allDigits(authority[i+1:]) && !strings.HasSuffix(authority, "]") {
			host, port = authority[:i], authority[i+1:]
		}
	}
	o := &table.Object{}
	for _, kv := range [][2]string{{"Scheme", scheme}, {"Host", host}, {"Port", port}, {"Path", path}, {"Username", user}, {"Password", password}} {
		o.Set(kv[0], kv[1])
	}
	o.Set("Query Parameters", queryParameters(query))
	o.Set("Fragment", fragment)
	return o
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func queryParameters(query string) *table.Object {
	o := &table.Object{}
	for _, p := range strings.Split(query, "&") {
		k, v, _ := strings.Cut(p, "=")
		if k != "" {
			o.Set(urlDecode(k), urlDecode(v))
		}
	}
	return o
}

func parsePath(s string) any {
	var scheme, root, stream string
	rest := s
	if i := strings.Index(rest, "://"); i > 0 {
		scheme = rest[:i]
		rest = rest[i+3:]
	}
	if len(rest) >= 2 && rest[1] == ':' {
		root = rest[:2]
	}
	body := rest[len(root):]
	dir, file := "", body
	if i := strings.LastIndexAny(body, `/\`); i >= 0 {
		dir, file = body[:i], body[i+1:]
	}
	file, stream, _ = strings.Cut(file, ":")
	ext := ""
	if i := strings.LastIndexByte(file, '.'); i > 0 {
		ext = file[i+1:]
	}
	name := dir[strings.LastIndexAny(dir, `/\`)+1:]
	o := &table.Object{}
	for _, kv := range [][2]string{{"Scheme", scheme}, {"RootPath", root}, {"DirectoryPath", root + dir}, {"DirectoryName", name}, {"Filename", file}, {"Extension", ext}, {"AlternateDataStreamName", stream}} {
		o.Set(kv[0], kv[1])
	}
	return o
}

// parseCSV reads the first record: fields in quotes may hold commas, line breaks
// and doubled quotes.
func parseCSV(s string) []any {
	out := []any{}
	var b strings.Builder
	for i := 0; ; {
		b.Reset()
		if i < len(s) && s[i] == '"' {
			for i++; i < len(s); i++ {
				if s[i] == '"' {
					if i+1 < len(s) && s[i+1] == '"' {
						i++
					} else {
						i++
						break
					}
				}
				b.WriteByte(s[i])
			}
		}
		for i < len(s) && s[i] != ',' && s[i] != '\n' && s[i] != '\r' {
			b.WriteByte(s[i])
			i++
		}
		out = append(out, b.String())
		if i >= len(s) || s[i] != ',' {
			return out
		}
		i++
	}
}

// parseXML turns a document into bags. Elements of one name become an array;
// an element with nothing but text becomes that text.
func parseXML(s string) any {
	dec := xml.NewDecoder(strings.NewReader(s))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	for {
		tok, err := dec.Token()
		if err != nil {
			return nil
		}
		if start, ok := tok.(xml.StartElement); ok {
			d, err := element(dec, start, 0)
			if err != nil {
				return nil
			}
			o := &table.Object{}
			o.Set(xmlName(start.Name, start), d)
			return o
		}
	}
}

func xmlName(n xml.Name, _ xml.StartElement) string { return n.Local }

func element(dec *xml.Decoder, start xml.StartElement, depth int) (any, error) {
	if depth > 200 {
		return nil, io.ErrUnexpectedEOF
	}
	o := &table.Object{}
	for _, a := range start.Attr {
		name := a.Name.Local
		if a.Name.Space != "" && a.Name.Local != "xmlns" {
			name = a.Name.Space + ":" + name
		}
		o.Set("@"+name, a.Value)
	}
	var text strings.Builder
	for {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement:
			d, err := element(dec, t, depth+1)
			if err != nil {
				return nil, err
			}
			name := xmlName(t.Name, t)
			old, has := o.Get(name)
			switch list, isList := old.([]any); {
			case !has:
				o.Set(name, d)
			case isList:
				o.Set(name, append(list, d))
			default:
				o.Set(name, []any{old, d})
			}
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			content := strings.TrimSpace(text.String())
			if o.Len() == 0 {
				if content == "" {
					return nil, nil
				}
				return content, nil
			}
			if content != "" {
				o.Set("#text", content)
			}
			return o, nil
		}
	}
}

// commandLine cuts a command line as Windows' CommandLineToArgvW does.
func commandLine(s string) []any {
	out := []any{}
	var b strings.Builder
	quoted, any := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case (c == ' ' || c == '\t') && !quoted:
			if any {
				out = append(out, b.String())
				b.Reset()
				any = false
			}
		case c == '\\':
			n := 0
			for i < len(s) && s[i] == '\\' {
				n++
				i++
			}
			if i < len(s) && s[i] == '"' {
				b.WriteString(strings.Repeat(`\`, n/2))
				if n%2 == 1 {
					b.WriteByte('"')
				} else {
					i--
				}
			} else {
				b.WriteString(strings.Repeat(`\`, n))
				i--
			}
			any = true
		case c == '"':
			quoted = !quoted
			any = true
		default:
			b.WriteByte(c)
			any = true
		}
	}
	if any {
		out = append(out, b.String())
	}
	return out
}

// parseVersion reads up to four numbers of at most eight digits.
func parseVersion(s string) table.Value {
	parts := strings.Split(strings.Trim(s, blanks), ".")
	null := table.Null(table.Decimal)
	if len(parts) > 4 {
		return null
	}
	var b strings.Builder
	for i := range 4 {
		p := "0"
		if i < len(parts) {
			p = parts[i]
		}
		if !allDigits(p) || len(p) > 8 {
			return null
		}
		b.WriteString(strings.Repeat("0", 8-len(p)) + p)
	}
	d, ok := ParseDecimal(b.String())
	if !ok {
		return null
	}
	return d
}
