package access

// Permissions that are asked for at a face, as permissions.txt has them.
func Permissions(face Face) []string {
	var out []string
	for f := range fields(permissionsText, 4) {
		if Face(f[1]) == face {
			out = append(out, f[0])
		}
	}
	return out
}
