"""Expected failures of commands: a sentence that says what, where and what to do, and an exit status; no traceback.

Exit status: 0 all is well; 1 refused (faults in a file, a command not accepted, a scenario that failed); 2 the command
was written wrongly; 3 the running system was not reached.
"""

from typing import NoReturn

import click

REFUSED, NOT_REACHED = 1, 3


class Failure(click.ClickException):
    """Ends the command with `code`; `remedy` says what to do."""

    def __init__(self, what: str, remedy: str = "", code: int = REFUSED) -> None:
        super().__init__(f"{what}\n  {remedy}" if remedy else what)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click declares a class variable and only reads it
        """The command's exit status."""
        return self.code

    def show(self, file: object = None) -> None:
        """Print it to stderr."""
        click.echo(f"{click.style('error:', fg='red', bold=True)} {self.format_message()}", err=True)


def not_reached(what: str, remedy: str) -> NoReturn:
    """End the command because the running system was not reached."""
    raise Failure(what, remedy, NOT_REACHED)
