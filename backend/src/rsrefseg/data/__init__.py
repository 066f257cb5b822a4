"""Labelled data: cases files, exact augmentation, and readers of real imagery with labels."""
