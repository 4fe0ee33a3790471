"""What goes wrong and can be mended by the user."""


class UserError(Exception):
    """Something the user can mend: the CLI prints it as one line and exits with code 2."""
