"""Backbones, input pipeline, and the two phases of training."""
