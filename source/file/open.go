package file

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding/unicode"

	"sextant/fault"
)

// input is one file to read, in the folder or on standard input.
type input struct {
	path string // "-" is standard input
	size int64  // -1: not known
}

// expand names to the files below them, folders in name order. Hidden files are
// left out; a file that is named is read whatever it is called.
func expand(paths []string) ([]input, error) {
	var out []input
	for _, p := range paths {
		if p == "-" {
			out = append(out, input{"-", -1})
			continue
		}
		info, err := os.Stat(p)
		if err != nil {
			return nil, fault.New(fault.NotFound, "cannot read %s: %w", p, err)
		}
		if !info.IsDir() {
			out = append(out, input{p, info.Size()})
			continue
		}
		var below []input
		err = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasPrefix(d.Name(), ".") && path != p {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if d.Type().IsRegular() || d.Type()&fs.ModeSymlink != 0 {
				info, err := os.Stat(path)
				if err != nil || info.IsDir() {
					return nil // a link that leads nowhere, or to a folder
				}
				below = append(below, input{path, info.Size()})
			}
			return nil
		})
		if err != nil {
			return nil, fault.New(fault.Invalid, "cannot read the folder %s: %w", p, err)
		}
		slices.SortFunc(below, func(a, b input) int { return strings.Compare(a.path, b.path) })
		out = append(out, below...)
	}
	return out, nil
}

// maxNesting of archives in archives.
const maxNesting = 4

// text is one text found in a file: the file itself, or one inside an archive.
type text struct {
	name   string // path, or path!member
	packed string // "gzip", "zip", "" …
	r      *bufio.Reader
	err    error // set: the member of an archive cannot be read, and why
}

// unpack finds the texts in what r gives, by content alone, and calls each. An
// error of each ends it; other errors are about the file, and fault.Invalid. A bad
// member of an archive does not end it.
func unpack(name, packed string, r io.Reader, depth int, each func(text) error) error {
	br := bufio.NewReaderSize(r, 128<<10)
	head, err := br.Peek(512)
	if err != nil && err != io.EOF {
		return unreadable(name, err)
	}
	if depth > maxNesting {
		return fault.New(fault.Invalid, "%s: archives are nested deeper than %d", name, maxNesting)
	}
	join := func(kind string) string {
		if packed == "" {
			return kind
		}
		return packed + ", " + kind
	}
	switch {
	case bytes.HasPrefix(head, []byte{0x1F, 0x8B}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return unreadable(name, err)
		}
		defer z.Close()
		return unpack(name, join("gzip"), z, depth+1, each)
	case bytes.HasPrefix(head, []byte{0x28, 0xB5, 0x2F, 0xFD}):
		z, err := zstd.NewReader(br, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return unreadable(name, err)
		}
		defer z.Close()
		return unpack(name, join("zstd"), z, depth+1, each)
	case bytes.HasPrefix(head, []byte("BZh")) && len(head) > 9 && bytes.HasPrefix(head[4:], []byte{0x31, 0x41, 0x59, 0x26, 0x53, 0x59}):
		return unpack(name, join("bzip2"), bzip2.NewReader(br), depth+1, each)
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return unzip(name, join("zip"), br, depth, each)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return untar(name, join("tar"), br, depth, each)
	case bytes.HasPrefix(head, []byte{0xFD, '7', 'z', 'X', 'Z', 0}):
		return fault.New(fault.Invalid, "%s is compressed with xz, which is not read here; unpack it first", name)
	case bytes.HasPrefix(head, []byte("7z\xBC\xAF\x27\x1C")):
		return fault.New(fault.Invalid, "%s is a 7z archive, which is not read here; unpack it first", name)
	case bytes.HasPrefix(head, []byte("PAR1")):
		return fault.New(fault.Invalid, "%s is a Parquet file; export it as JSON or CSV", name)
	}
	decoded, err := decode(name, br, head)
	if err != nil {
		return err
	}
	return each(text{name: name, packed: packed, r: decoded})
}

func unreadable(name string, err error) error {
	return fault.New(fault.Invalid, "%s: cannot be read: %w", name, err)
}

// unzip reads the members of a zip. Its directory stands at its end, so what is
// no file of its own is written to one first.
func unzip(name, packed string, r io.Reader, depth int, each func(text) error) error {
	tmp, err := os.CreateTemp("", "sextant-import-*.zip")
	if err != nil {
		return fmt.Errorf("cannot unpack %s: %w", name, err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	size, err := io.Copy(tmp, r)
	if err != nil {
		return unreadable(name, err)
	}
	z, err := zip.NewReader(tmp, size)
	if err != nil {
		return unreadable(name, err)
	}
	for _, f := range z.File {
		if f.FileInfo().IsDir() || hidden(f.Name) {
			continue
		}
		member := name + "!" + f.Name
		err := fault.New(fault.Invalid, "%s is encrypted; unpack it first", member)
		if f.Flags&1 == 0 {
			var in io.ReadCloser
			if in, err = f.Open(); err != nil {
				err = unreadable(member, err)
			} else {
				err = unpack(member, packed, in, depth+1, each)
				in.Close()
			}
		}
		if fault.KindOf(err) == fault.Invalid {
			err = each(text{name: member, packed: packed, err: err})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func untar(name, packed string, r io.Reader, depth int, each func(text) error) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return unreadable(name, err)
		}
		if h.Typeflag != tar.TypeReg || hidden(h.Name) {
			continue
		}
		member := name + "!" + h.Name
		err = unpack(member, packed, t, depth+1, each)
		if fault.KindOf(err) == fault.Invalid {
			err = each(text{name: member, packed: packed, err: err})
		}
		if err != nil {
			return err
		}
	}
}

// hidden members are those that macOS and others leave in archives.
func hidden(name string) bool {
	return strings.Contains(name, "__MACOSX/") || strings.HasPrefix(filepath.Base(name), ".")
}

// decode gives the text as UTF-8 without a byte order mark.
func decode(name string, br *bufio.Reader, head []byte) (*bufio.Reader, error) {
	utf16 := func(e unicode.Endianness, bom unicode.BOMPolicy) *bufio.Reader {
		return bufio.NewReaderSize(unicode.UTF16(e, bom).NewDecoder().Reader(br), 128<<10)
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xEF, 0xBB, 0xBF}):
		_, err := br.Discard(3)
		return br, err
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE, 0, 0}), bytes.HasPrefix(head, []byte{0, 0, 0xFE, 0xFF}):
		return nil, fault.New(fault.Invalid, "%s:1:1: the text is UTF-32; convert it to UTF-8", name)
	case bytes.HasPrefix(head, []byte{0xFF, 0xFE}):
		return utf16(unicode.LittleEndian, unicode.UseBOM), nil
	case bytes.HasPrefix(head, []byte{0xFE, 0xFF}):
		return utf16(unicode.BigEndian, unicode.UseBOM), nil
	case len(head) > 3 && head[1] == 0 && head[3] == 0 && head[0] != 0:
		return utf16(unicode.LittleEndian, unicode.IgnoreBOM), nil
	case len(head) > 3 && head[0] == 0 && head[2] == 0 && head[1] != 0:
		return utf16(unicode.BigEndian, unicode.IgnoreBOM), nil
	}
	if at := bytes.IndexFunc(head, func(r rune) bool { return r < 0x20 && r != '\t' && r != '\n' && r != '\r' && r != 0x1E }); at >= 0 {
		line := bytes.Count(head[:at], []byte{'\n'}) + 1
		return nil, fault.New(fault.Invalid, "%s:%d:%d: this is no text: the byte 0x%02X stands there", name, line, at-bytes.LastIndexByte(head[:at], '\n'), head[at])
	}
	return br, nil
}

// validText says whether the start of a text is UTF-8, but for a character that
// the end of b cuts.
func validText(b []byte) bool {
	for n := 0; n < utf8.UTFMax && len(b) > 0 && !utf8.Valid(b); n++ {
		b = b[:len(b)-1]
	}
	return utf8.Valid(b)
}
