"""The games, real and imagined, registered with Gymnasium."""


def register_all() -> None:
    """Register every wmlib environment id (called once by `import wmlib`)."""
