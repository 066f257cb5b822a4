"""Whole jobs: many rasters, many phrases, killed and resumed, on one machine or many."""
