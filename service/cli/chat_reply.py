"""How a reply appears on a terminal: word by word, and a line that says what is being done."""

from time import monotonic
from typing import Self

from rich.cells import cell_len
from rich.console import Console
from rich.status import Status
from rich.text import Text

from service.cli.colours import FAINT


class Printer:
    """Prints words as they come, with line breaks at the terminal's width."""

    def __init__(self, console: Console) -> None:
        """Write on `console`."""
        self._console = console
        self._column = 0
        self._word = ""
        self._wrapped = False
        """Whether the current line was begun for lack of room."""

    def write(self, text: str) -> None:
        """Print all whole words; the last one may still grow."""
        for character in text.replace("\t", "    "):
            if character == "\n":
                self._end_word()
                self._break(wrapped=False)
            elif character.isspace():
                self._end_word()
                self._space()
            else:
                wide = cell_len(character) > 1  # Scripts without spaces break anywhere.
                if wide:
                    self._end_word()
                self._word += character
                if wide:
                    self._end_word()
        self._console.file.flush()

    def end(self) -> None:
        """Print what is left, and begin a new line where one is begun."""
        self._end_word()
        if self._column:
            self._break(wrapped=False)
        self._console.file.flush()

    def _space(self) -> None:
        if self._column >= self._console.width:
            self._break(wrapped=True)
        elif self._column or not self._wrapped:
            self._console.file.write(" ")
            self._column += 1

    def _end_word(self) -> None:
        width = cell_len(self._word)
        if self._column and self._column + width > self._console.width:
            self._break(wrapped=True)
        self._console.file.write(self._word)
        self._column += width
        self._word = ""

    def _break(self, *, wrapped: bool) -> None:
        self._console.file.write("\n")
        self._column = 0
        self._wrapped = wrapped


class _Elapsed:
    """A text with the seconds since it was made, drawn anew while it is shown."""

    def __init__(self, text: str) -> None:
        self._text, self._begun = text, monotonic()

    def __rich__(self) -> Text:
        seconds = int(monotonic() - self._begun)
        return Text(f"{self._text} {seconds} s" if seconds else self._text, style=FAINT)


class Working:
    """A line that says what is being done, while nothing else is printed."""

    def __init__(self, console: Console) -> None:
        """Show it on `console`."""
        self._console = console
        self._status: Status | None = None

    def __enter__(self) -> Self:
        """Show nothing yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line away."""
        self.off()

    def on(self, text: str) -> None:
        """Say what is being done."""
        self.off()
        self._status = self._console.status(_Elapsed(text), spinner="dots")
        self._status.start()

    def off(self) -> None:
        """Take the line away, before anything else is printed."""
        if self._status is not None:
            self._status.stop()
        self._status = None
