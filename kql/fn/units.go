package fn

import (
	"math"

	"sextant/table"
)

// units is the table of the convert_…() functions. A unit is worth so many of the
// base unit of its kind.
func units() []Scalar {
	var out []Scalar
	for _, k := range []struct {
		name, doc string
		worth     map[string]float64
	}{
		{"convert_angle", "An angle in another unit.", angles()},
		{"convert_energy", "An energy in another unit.", energies()},
		{"convert_force", "A force in another unit.", forces()},
		{"convert_length", "A length in another unit.", lengths()},
		{"convert_mass", "A mass in another unit.", masses()},
		{"convert_speed", "A speed in another unit.", speeds()},
		{"convert_volume", "A volume in another unit.", volumes()},
	} {
		out = append(out, Scalar{Name: k.name, Sigs: sigs("value:real, from:string, to:string -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
			from, ok1 := k.worth[a[1].Str()]
			to, ok2 := k.worth[a[2].Str()]
			if !ok1 || !ok2 {
				return table.Null(table.Real)
			}
			return table.RealValue(a[0].Float64() * (from / to))
		}, Doc: k.doc})
	}
	return append(out, Scalar{Name: "convert_temperature", Sigs: sigs("value:real, from:string, to:string -> real"), Eval: func(_ *Context, a []table.Value) table.Value {
		from, ok1 := temperatures()[a[1].Str()]
		to, ok2 := temperatures()[a[2].Str()]
		if !ok1 || !ok2 {
			return table.Null(table.Real)
		}
		return table.RealValue(a[0].Float64()*from[0]/to[0] + (from[1]-to[1])/to[0])
	}, Doc: "A temperature in another unit."})
}

// scaled adds a unit with metric prefixes.
func scaled(m map[string]float64, prefixes []string, suffix string, worth float64) {
	for _, p := range prefixes {
		m[p+suffix] = worth * map[string]float64{"Nano": 1e-9, "Micro": 1e-6, "Milli": 1e-3, "Centi": 1e-2, "Deci": 1e-1, "Deca": 10, "Hecto": 100, "Kilo": 1e3, "Mega": 1e6, "Giga": 1e9, "Tera": 1e12}[p]
	}
}

func angles() map[string]float64 {
	rad := 180 / math.Pi
	m := map[string]float64{"Degree": 1, "Radian": rad, "Arcminute": 1.0 / 60, "Arcsecond": 1.0 / 3600, "Gradian": 0.9, "Revolution": 360, "Tilt": 90, "NatoMil": 360.0 / 6400}
	scaled(m, []string{"Centi", "Deci", "Micro", "Milli", "Nano"}, "radian", rad)
	scaled(m, []string{"Micro", "Milli", "Nano"}, "degree", 1)
	return m
}

func energies() map[string]float64 {
	m := map[string]float64{"Joule": 1, "BritishThermalUnit": 1055.05585262, "Calorie": 4.184, "Kilocalorie": 4184, "ElectronVolt": 1.602176634e-19, "Erg": 1e-7, "FootPound": 1.3558179483314004,
		"HorsepowerHour": 2684519.537696172792, "WattHour": 3600, "WattDay": 86400, "ThermUs": 105480400, "ThermEc": 105505585.262, "ThermImperial": 105505585.257348}
	scaled(m, []string{"Kilo", "Mega", "Giga", "Tera", "Milli", "Micro", "Nano"}, "joule", 1)
	scaled(m, []string{"Kilo", "Mega", "Giga", "Tera"}, "wattHour", 3600)
	scaled(m, []string{"Kilo", "Mega", "Giga", "Tera"}, "wattDay", 86400)
	scaled(m, []string{"Kilo", "Mega", "Giga", "Tera"}, "electronVolt", 1.602176634e-19)
	scaled(m, []string{"Kilo", "Mega", "Giga"}, "britishThermalUnit", 1055.05585262)
	scaled(m, []string{"Mega"}, "calorie", 4.184)
	return m
}

func forces() map[string]float64 {
	m := map[string]float64{"Newton": 1, "Dyn": 1e-5, "KilogramForce": 9.80665, "KiloPond": 9.80665, "TonneForce": 9806.65, "PoundForce": 4.4482216152605, "OunceForce": 0.27801385095378125,
		"Poundal": 0.138254954376, "KilopoundForce": 4448.2216152605, "ShortTonForce": 8896.443230521}
	scaled(m, []string{"Deca", "Kilo", "Mega", "Milli", "Micro"}, "newton", 1)
	return m
}

func lengths() map[string]float64 {
	m := map[string]float64{"Meter": 1, "Inch": 0.0254, "Foot": 0.3048, "Yard": 0.9144, "Mile": 1609.344, "NauticalMile": 1852, "Angstrom": 1e-10, "AstronomicalUnit": 1.495978707e11, "LightYear": 9.4607304725808e15,
		"Parsec": 3.0856775814913673e16, "Fathom": 1.8288, "Chain": 20.1168, "Hand": 0.1016, "Mil": 2.54e-5, "Microinch": 2.54e-8, "Shackle": 27.432, "SolarRadius": 6.957e8, "UsSurveyFoot": 1200.0 / 3937, "Twip": 1.7638888888888888e-5,
		"DtpPoint": 0.0254 / 72, "DtpPica": 0.0254 / 6, "PrinterPoint": 0.0254 / 72.27, "PrinterPica": 0.0254 / 72.27 * 12}
	scaled(m, []string{"Nano", "Micro", "Milli", "Centi", "Deci", "Hecto", "Kilo"}, "meter", 1)
	return m
}

func masses() map[string]float64 {
	m := map[string]float64{"Gram": 1e-3, "Kilogram": 1, "Tonne": 1000, "Pound": 0.45359237, "Ounce": 0.028349523125, "Stone": 6.35029318, "ShortTon": 907.18474, "LongTon": 1016.0469088, "Grain": 6.479891e-5,
		"ShortHundredweight": 45.359237, "LongHundredweight": 50.80234544, "Slug": 14.593902937206364, "EarthMass": 5.9722e24, "SolarMass": 1.98847e30}
	scaled(m, []string{"Nano", "Micro", "Milli", "Centi", "Deci", "Deca", "Hecto"}, "gram", 1e-3)
	scaled(m, []string{"Kilo", "Mega"}, "tonne", 1000)
	scaled(m, []string{"Kilo", "Mega"}, "pound", 0.45359237)
	return m
}

func speeds() map[string]float64 {
	m := map[string]float64{"Knot": 1852.0 / 3600}
	for unit, per := range map[string]float64{"Second": 1, "Minute": 60, "Hour": 3600} {
		m["MeterPer"+unit] = 1 / per
		for _, p := range []string{"Nano", "Micro", "Milli", "Centi", "Deci", "Kilo"} {
			scaled(m, []string{p}, "meterPer"+unit, 1/per)
		}
		m["FootPer"+unit], m["InchPer"+unit], m["YardPer"+unit] = 0.3048/per, 0.0254/per, 0.9144/per
		m["UsSurveyFootPer"+unit] = 1200.0 / 3937 / per
	}
	m["MilePerHour"] = 0.44704
	return m
}

func temperatures() map[string][2]float64 { // kelvins = value·[0] + [1]
	return map[string][2]float64{"Kelvin": {1, 0}, "DegreeCelsius": {1, 273.15}, "DegreeFahrenheit": {5.0 / 9, 273.15 - 32*5.0/9}, "DegreeRankine": {5.0 / 9, 0}, "MillidegreeCelsius": {1e-3, 273.15},
		"DegreeDelisle": {-2.0 / 3, 373.15}, "DegreeNewton": {100.0 / 33, 273.15}, "DegreeReaumur": {1.25, 273.15}, "DegreeRoemer": {40.0 / 21, 273.15 - 7.5*40/21}, "SolarTemperature": {5778, 0}}
}

func volumes() map[string]float64 {
	m := map[string]float64{"CubicMeter": 1, "Liter": 1e-3, "CubicInch": 1.6387064e-5, "CubicFoot": 0.028316846592, "CubicYard": 0.764554857984, "CubicMile": 4168181825.440579584, "AcreFoot": 1233.48183754752,
		"UsGallon": 0.003785411784, "ImperialGallon": 0.00454609, "UsQuart": 9.46352946e-4, "UsPint": 4.73176473e-4, "ImperialPint": 5.6826125e-4, "ImperialQuart": 1.1365225e-3, "UsOunce": 2.95735295625e-5, "ImperialOunce": 2.84130625e-5,
		"UsTablespoon": 1.478676478125e-5, "UsTeaspoon": 4.92892159375e-6, "MetricCup": 2.5e-4, "UsCustomaryCup": 2.365882365e-4, "UsLegalCup": 2.4e-4, "OilBarrel": 0.158987294928, "UsBeerBarrel": 0.117347765304, "ImperialBeerBarrel": 0.16365924,
		"MetricTeaspoon": 5e-6, "BoardFoot": 0.002359737216, "HectocubicFoot": 2.8316846592, "HectocubicMeter": 100, "KilocubicFoot": 28.316846592, "KilocubicMeter": 1000}
	scaled(m, []string{"Nano", "Micro", "Milli", "Centi", "Deci", "Deca", "Hecto", "Kilo", "Mega"}, "liter", 1e-3)
	for p, f := range map[string]float64{"Micrometer": 1e-18, "Millimeter": 1e-9, "Centimeter": 1e-6, "Decimeter": 1e-3, "Hectometer": 1e6, "Kilometer": 1e9} {
		m["Cubic"+p] = f
	}
	return m
}
