"""Rocks that are drawn rather than photographed: their kinds, bodies, material and pictures."""
