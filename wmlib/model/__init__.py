"""V, M and C, and one step of imagination (chapters 4 to 6)."""
