"""Tables and pictures for readers."""
