"""Benchmarks: the same work side by side in one call, as ratios. Nothing here is a timed test."""
