package fn

import (
	"strings"
	"unicode"
)

// Numbers of RFC 3492.
const (
	punyBase, punyMin, punyMax, punySkew, punyDamp = 36, 1, 26, 38, 700
	punyBias, punyFirst                            = 72, 128
)

func punyAdapt(delta, n int, first bool) int {
	if first {
		delta /= punyDamp
	} else {
		delta /= 2
	}
	delta += delta / n
	k := 0
	for delta > (punyBase-punyMin)*punyMax/2 {
		delta /= punyBase - punyMin
		k += punyBase
	}
	return k + (punyBase-punyMin+1)*delta/(delta+punySkew)
}

func punyThreshold(k, bias int) int { return max(punyMin, min(punyMax, k-bias)) }

const punyDigits = "abcdefghijklmnopqrstuvwxyz0123456789"

// toPunycode is RFC 3492's encoding; a text of ASCII alone comes back with a dash
// behind it. A text too long to be a name comes back as it is.
func toPunycode(s string) string {
	in := []rune(s)
	if len(in) > 1000 {
		return s
	}
	var b strings.Builder
	for _, r := range in {
		if r < punyFirst {
			b.WriteRune(r)
		}
	}
	basic := b.Len()
	if basic > 0 {
		b.WriteByte('-')
	}
	n, delta, bias := rune(punyFirst), 0, punyBias
	for h := basic; h < len(in); {
		m := rune(unicode.MaxRune)
		for _, r := range in {
			if r >= n && r < m {
				m = r
			}
		}
		delta += int(m-n) * (h + 1)
		n = m
		for _, r := range in {
			if r < n {
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := punyBase; ; k += punyBase {
				t := punyThreshold(k, bias)
				if q < t {
					break
				}
				b.WriteByte(punyDigits[t+(q-t)%(punyBase-t)])
				q = (q - t) / (punyBase - t)
			}
			b.WriteByte(punyDigits[q])
			bias = punyAdapt(delta, h+1, h == basic)
			delta = 0
			h++
		}
		delta++
		n++
	}
	return b.String()
}

// fromPunycode decodes; ok is false for what is no punycode.
func fromPunycode(s string) (string, bool) {
	if len(s) > 4000 {
		return "", false
	}
	var out []rune
	if i := strings.LastIndexByte(s, '-'); i >= 0 {
		out, s = []rune(s[:i]), s[i+1:]
	}
	n, i, bias := punyFirst, 0, punyBias
	for pos := 0; pos < len(s); {
		old, w := i, 1
		for k := punyBase; ; k += punyBase {
			if pos >= len(s) {
				return "", false
			}
			d := strings.IndexByte(punyDigits, s[pos]|0x20*byte(btoi(s[pos] >= 'A' && s[pos] <= 'Z')))
			pos++
			if d < 0 || i > unicode.MaxRune*2000 {
				return "", false
			}
			i += d * w
			t := punyThreshold(k, bias)
			if d < t {
				break
			}
			if w *= punyBase - t; w > unicode.MaxRune*2000 {
				return "", false
			}
		}
		bias = punyAdapt(i-old, len(out)+1, old == 0)
		n += i / (len(out) + 1)
		i %= len(out) + 1
		if n > unicode.MaxRune {
			return "", false
		}
		out = append(out[:i], append([]rune{rune(n)}, out[i:]...)...)
		i++
	}
	return string(out), true
}

// mapLabels applies f to the labels of a domain name; all the dots of IDNA
// (. 。 ． ｡) part labels and come out as ".".
func mapLabels(domain string, f func(string) string) string {
	labels := strings.FieldsFunc(domain, func(r rune) bool { return r == '.' || r == '。' || r == '．' || r == '｡' })
	for i, l := range labels {
		labels[i] = f(l)
	}
	return strings.Join(labels, ".")
}
