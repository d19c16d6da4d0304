package fn

// scalarFamilies lists each family's table of scalar functions.
func scalarFamilies() [][]Scalar {
	return [][]Scalar{arithmetic(), comparisons(), logic(), textOperators(), conversions(), stringsTable(), regexes(),
		datetimes(), mathematics(), arrays(), bags(), sets(), encodings(), addresses(), parsing(), surroundings(), series(), fits(), sketches(), distributions(), units(), places()}
}

// aggregateFamilies lists each family's table of aggregates.
func aggregateFamilies() [][]Aggregate {
	return [][]Aggregate{counting(), totals(), collecting(), picking(), statistics(), sketchAggregates()}
}
