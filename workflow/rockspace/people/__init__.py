"""People's data on the images: coordinates, individuals, choices."""
