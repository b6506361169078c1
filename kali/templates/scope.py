"""What a name means at a place in a template.

Names are looked up from the inside out: a loop's variable, then what the template's user bound,
then an item of the mapping that the compiled function is given. A bound section means its own names where
it was bound, not where it stands. The compiler asks; nothing of this is left when a template runs.
"""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False  # spelled out: hello-world starts without the typing module
if TYPE_CHECKING:
    from typing import Any

__all__ = ['Scope']


class Scope:
    """One ring of names.

    :param mapping: the Python variable of the mapping that free names are taken from.
    :param outer: the scope in which `sections` were bound; None for the outermost.
    :param variables: Python names by loop variable.

    >>> page = Scope('scope', Scope('scope'), {'title': 'a tree'}).having('row', 'row_1')
    >>> [page.find(name)[:2] for name in ('row', 'title', 'other')]
    [('variable', 'row_1'), ('section', 'a tree'), ('free', 'scope')]
    """

    __slots__ = ('mapping', 'outer', 'sections', 'variables')

    def __init__(self, mapping: str, outer: Scope | None = None, sections: Mapping[str, Any] | None = None,
                 variables: dict[str, str] | None = None) -> None:
        self.mapping, self.outer = mapping, outer
        self.sections, self.variables = sections or {}, variables or {}

    def having(self, name: str, variable: str) -> Scope:
        """This scope inside a loop."""
        return Scope(self.mapping, self.outer, self.sections, {**self.variables, name: variable})

    def find(self, name: str) -> tuple[str, Any, Scope]:
        """('variable', its Python name) or ('section', its tree) or ('free', the mapping), and where a
        section's own names are looked up."""
        scope = self
        while True:
            if name in scope.variables:
                return 'variable', scope.variables[name], scope
            if name in scope.sections and scope.outer:
                return 'section', scope.sections[name], scope.outer
            if scope.outer is None:
                return 'free', scope.mapping, scope
            scope = scope.outer

    def python_names(self) -> list[str]:
        """Every Python variable that code in this scope may need."""
        names = {self.mapping, 'scope', *self.variables.values()}
        return sorted(names.union(self.outer.python_names() if self.outer else ()))
