"""What a trained network knows, and how close its space is to people's."""
