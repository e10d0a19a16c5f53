"""From the archive to TFRecords: everything that comes before a network."""
