"""Training: losses, the stream of batches, the optimiser, checkpoints and the loop."""
