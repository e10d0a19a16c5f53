"""From the archive to pixels: sources, catalog, TFRecords."""
