"""Real overhead imagery with labels, turned into cases by what the label geometry says."""
