"""How a network learns: augmentation, input pipeline, frozen features, the two phases."""
