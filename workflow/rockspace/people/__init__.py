"""What people said of the images: coordinates, individuals, responses."""
