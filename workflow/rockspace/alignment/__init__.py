"""How close two spaces of the same images are, and how sure that is; knows nothing of networks."""
