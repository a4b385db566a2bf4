"""Gradient flow, followed to its limit. The only wing that loads numba."""
