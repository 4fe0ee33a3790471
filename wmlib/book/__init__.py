"""What the chapters use, and nothing else in wmlib does."""
