"""What a run leaves on disk: files written whole, stages that resume, weights, checkpoints."""
