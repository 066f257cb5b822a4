"""Evaluation: metrics of the field, by kind of phrase and by source, and a picture report."""
