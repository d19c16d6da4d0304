package simulate

// fields writes the members of a JSON object one after another. It is for the
// rare categories, where being read matters more than speed.
type fields struct {
	b    []byte
	more bool
}

func (f *fields) name(n string) {
	if f.more {
		f.b = append(f.b, ',')
	}
	f.more = true
	f.b = append(append(append(f.b, '"'), n...), '"', ':')
}

func (f *fields) text(n, v string) {
	f.name(n)
	f.b = appendQuoted(f.b, v)
}

func (f *fields) guid(n string, v guid) {
	f.name(n)
	f.b = append(appendGUID(append(f.b, '"'), v), '"')
}

func (f *fields) int(n string, v int) {
	f.name(n)
	f.b = appendInt(f.b, int64(v))
}

func (f *fields) bool(n string, v bool) {
	f.name(n)
	if v {
		f.b = append(f.b, "true"...)
	} else {
		f.b = append(f.b, "false"...)
	}
}

// raw is a value that is JSON already.
func (f *fields) raw(n, v string) {
	f.name(n)
	f.b = append(f.b, v...)
}

// time is a date-time with Z and without trailing zeros.
func (f *fields) time(n string, at int64) {
	f.name(n)
	f.b = append(appendShort(append(f.b, '"'), at, "Z"), '"')
}

func (f *fields) address(n string, a address) {
	f.name(n)
	f.b = append(a.append(append(f.b, '"')), '"')
}

// open and shut enclose an object.
func (f *fields) open(n string) {
	f.name(n)
	f.b = append(f.b, '{')
	f.more = false
}

func (f *fields) shut() {
	f.b = append(f.b, '}')
	f.more = true
}
