"""The Python lines of a compiled template, and beside each the place in the template that it came from.

Text and values that follow each other come together in one `write(f'…')`.
"""

from __future__ import annotations

from kali.templates.syntax import Source

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

    from kali.templates.program import Lookup

__all__ = ['Lines']


class Lines:
    """Lines under way: `source` and `at` say where in the template the next one comes from.

    :param namespace: what the lines may name; `constant` adds to it.

    >>> lines = Lines({})
    >>> lines.run += [('<b>', ''), ('', 'v1')]; lines.values = 1
    >>> lines.line('return')
    >>> lines.lines
    ["write(f'<b>{v1}')", 'return']
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace
        self.lines: list[str] = []
        self.places: list[tuple[Source, int, Lookup | None]] = []
        self.finished_lines: list[str] = []  # whole functions besides
        self.finished_places: list[tuple[Source, int, Lookup | None]] = []
        self.run: list[tuple[str, str]] = []  # of the string to come: text, or the variable of a value
        self.values = 0  # variables in use
        self.count = 0
        self.depth = 0
        self.source = Source('')
        self.at = 0

    def line(self, code: str, lookup: Lookup | None = None) -> None:
        if self.run:
            self.flush()
        self.values = 0
        self.code(code, lookup)

    def code(self, code: str, lookup: Lookup | None = None) -> None:
        """A line that computes a value for the f-string to come."""
        self.lines.append(' ' * self.depth + code)
        self.places.append((self.source, self.at, lookup))

    def flush(self) -> None:
        """Write the run of text and values that has come together; the variables of its values are free
        again."""
        if self.run and self.values:
            text = ''.join([f'{{{variable}}}' if variable else text.replace('{', '{{').replace('}', '}}')
                            for text, variable in self.run])
            self.code(f'write(f{text!r})')
        elif self.run:
            self.code(f'write({"".join([text for text, _ in self.run])!r})')
        self.run.clear()
        self.values = 0

    def mark(self) -> tuple[int, int, list[tuple[str, str]], int]:
        return len(self.lines), len(self.finished_lines), self.run[:], self.values

    def back_to(self, mark: tuple[int, int, list[tuple[str, str]], int]) -> None:
        lines, finished, self.run, self.values = mark
        del self.lines[lines:], self.places[lines:]
        del self.finished_lines[finished:], self.finished_places[finished:]

    def indent(self) -> int:
        """Begin the lines within a line; `dedent` wants the result at their end."""
        self.depth += 1
        return len(self.lines)

    def dedent(self, begun: int) -> None:
        self.flush()
        if len(self.lines) == begun:
            self.code('pass')
        self.depth -= 1

    def unique(self, name: str) -> str:
        self.count += 1
        return f'{name if name.isascii() else "name"}_{self.count}'  # not every letter is one to Python

    def constant(self, name: str, value: object) -> str:
        """The name under which the code finds `value`."""
        for known, other in self.namespace.items():
            if other is value:
                return known
        name = self.unique(name)
        self.namespace[name] = value
        return name
