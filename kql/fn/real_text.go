package fn

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"sync"

	"sextant/fault"
	"sextant/table"
)

// RealText is tostring() of a real: the digits that Kusto's engine prints, with a
// decimal point always (1.0), an exponent from 1e21 and below 1e-6, NaN and inf.
//
// The engine's digits are Grisu2's: they read back as the same number, but are
// not always the nearest ones (0.1+0.2 prints 0.30000000000000007 there).
func RealText(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case f == 0:
		if math.Signbit(f) {
			return "-0.0"
		}
		return "0.0"
	}
	sign := ""
	if f < 0 {
		sign, f = "-", -f
	}
	digits, exp := grisu2(f) // value = digits * 10^exp
	point := len(digits) + exp
	switch {
	case exp >= 0 && point <= 21:
		return sign + digits + strings.Repeat("0", exp) + ".0"
	case point > 0 && point <= 21:
		return sign + digits[:point] + "." + digits[point:]
	case point > -6 && point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	}
	e := strconv.Itoa(point - 1)
	if len(digits) == 1 {
		return sign + digits + "e" + e
	}
	return sign + digits[:1] + "." + digits[1:] + "e" + e
}

// diyFP is f * 2^e.
type diyFP struct {
	f uint64
	e int
}

func (a diyFP) times(b diyFP) diyFP {
	const low = 0xFFFFFFFF
	ah, al, bh, bl := a.f>>32, a.f&low, b.f>>32, b.f&low
	mid := (al * bl >> 32) + (ah * bl & low) + (al * bh & low)
	mid += 1 << 31 // round
	return diyFP{ah*bh + (ah * bl >> 32) + (al * bh >> 32) + mid>>32, a.e + b.e + 64}
}

func (a diyFP) normalized() diyFP {
	for a.f>>63 == 0 {
		a.f <<= 1
		a.e--
	}
	return a
}

// grisu2 gives the shortest digits (almost always) that read back as f > 0, after
// Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with
// Integers", 2010.
func grisu2(f float64) (string, int) {
	bits := math.Float64bits(f)
	v := diyFP{bits & (1<<52 - 1), int(bits >> 52 & 0x7FF)}
	if v.e != 0 {
		v.f |= 1 << 52
		v.e -= 1075
	} else {
		v.e = -1074
	}
	plus := diyFP{v.f<<1 + 1, v.e - 1}.normalized()
	minus := diyFP{v.f<<1 - 1, v.e - 1}
	if v.f == 1<<52 {
		minus = diyFP{v.f<<2 - 1, v.e - 2}
	}
	minus.f <<= minus.e - plus.e
	minus.e = plus.e

	c, k := cachedPower(plus.e)
	w := v.normalized().times(c)
	high, low := plus.times(c), minus.times(c)
	low.f++
	high.f--
	return digitGen(w, high, high.f-low.f, k)
}

// cachedPower is the power of ten that brings a binary exponent into digitGen's
// range, and its negated decimal exponent.
func cachedPower(e int) (diyFP, int) {
	dk := float64(-61-e)*0.30102999566398114 + 347
	k := int(dk)
	if dk-float64(k) > 0 {
		k++
	}
	index := k>>3 + 1
	return powersOfTen()[index], 348 - index*8
}

// powersOfTen are 10^-348, 10^-340, … 10^340.
var powersOfTen = sync.OnceValue(func() (out [87]diyFP) {
	for i := range out {
		out[i] = powerOfTen(-348 + 8*i)
	}
	return out
})

// powerOfTen is 10^exp with a 64-bit significand, rounded to nearest.
func powerOfTen(exp int) diyFP {
	x := new(big.Float).SetPrec(2000).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(exp, -exp))), nil))
	if exp < 0 {
		x.Quo(big.NewFloat(1).SetPrec(2000), x)
	}
	x.SetPrec(64).SetMode(big.ToNearestEven)
	var m big.Float
	e := x.MantExp(&m)
	u, _ := m.SetMantExp(&m, 64).Uint64()
	return diyFP{u, e - 64}
}

func digitGen(w, high diyFP, delta uint64, k int) (string, int) {
	one := diyFP{1 << -high.e, high.e}
	dist := high.f - w.f
	p1 := uint32(high.f >> -one.e)
	p2 := high.f & (one.f - 1)
	var buf []byte
	kappa := 1
	for n := p1; n >= 10; n /= 10 {
		kappa++
	}
	pow10 := func(n int) uint64 {
		p := uint64(1)
		for range n {
			p *= 10
		}
		return p
	}
	for kappa > 0 {
		d := uint64(p1) / pow10(kappa-1)
		p1 = uint32(uint64(p1) % pow10(kappa-1))
		if d != 0 || len(buf) > 0 {
			buf = append(buf, byte('0'+d))
		}
		kappa--
		rest := uint64(p1)<<-one.e + p2
		if rest <= delta {
			grisuRound(buf, delta, rest, pow10(kappa)<<-one.e, dist)
			return string(buf), k + kappa
		}
	}
	for {
		p2 *= 10
		delta *= 10
		if d := byte(p2 >> -one.e); d != 0 || len(buf) > 0 {
			buf = append(buf, '0'+d)
		}
		p2 &= one.f - 1
		kappa--
		if p2 < delta {
			unit := uint64(0) // beyond nine digits the engine's version does not round
			if -kappa < 9 {
				unit = pow10(-kappa)
			}
			grisuRound(buf, delta, p2, one.f, dist*unit)
			return string(buf), k + kappa
		}
	}
}

func grisuRound(buf []byte, delta, rest, tenKappa, dist uint64) {
	for rest < dist && delta-rest >= tenKappa && (rest+tenKappa < dist || dist-rest > rest+tenKappa-dist) {
		buf[len(buf)-1]--
		rest += tenKappa
	}
}

// ToText is the value as tostring() gives it.
func ToText(v table.Value) string {
	if v.IsNull() {
		return ""
	}
	switch v.Type() {
	case table.Bool:
		if v.Bool() {
			return "True"
		}
		return "False"
	case table.Real:
		return RealText(v.Float64())
	case table.Dynamic:
		return dynText(v)
	}
	return v.Text()
}

func dynText(v table.Value) string {
	switch d := v.Dyn().(type) {
	case nil:
		return ""
	case string:
		return d
	case float64:
		return RealText(d)
	case bool:
		return strconv.FormatBool(d)
	case table.Value:
		return ToText(d)
	}
	if _, ok := v.Source(); !ok && table.DynBytes(v.Dyn()) > maxText {
		panic(fault.New(fault.Limit, "the text of a dynamic value would be larger than %d MB; make less of it", maxText>>20))
	}
	return v.JSON()
}

// maxText is how large the text of a dynamic may become: parts of it can be shared, and
// are written as often as they stand in it.
const maxText = 256 << 20
