"""How V, M and C learn, and the stages of a run that they are put together from."""
