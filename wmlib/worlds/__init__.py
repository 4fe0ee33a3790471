"""Where C plays: the real game behind V and M, or M alone; both emit the same features."""
