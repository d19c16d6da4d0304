package duckdb

import (
	"context"
)

// rebuildManifest makes the manifest of a folder that has none.
func rebuildManifest(ctx context.Context, dir string) (*manifest, error) {
	return &manifest{Format: formatVersion, NextFile: 1}, nil
}
