"""`python -m wmlib COMMAND`."""
