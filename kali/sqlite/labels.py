"""labels: which column of a table tells a person which record it is."""

from __future__ import annotations

import re
from collections.abc import Collection

from kali.sqlite.columns import Column, ForeignKey

__all__ = ['label_of']

# What the name of a column that labels a record looks like: the first kind that occurs.
# {0} is the name of the table, without a plural s.
_LABELS = ('name|{0}_?name', 'full_?name|last_?name|family_?name|surname|display_?name|nachname|příjmení',
           'title|label|caption|titel|bezeichnung|nom|titre|nombre|título|název|jméno',
           '.*name|subject|betreff')
# Texts that tell about a record, and not which one it is.
_LONG = re.compile('.*(notes?|memo|comments?|description|remarks?|bemerkung(en)?|beschreibung|notiz(en)?|'
                   'kommentar)')


def label_of(table: str, columns: Collection[Column], key: tuple[str, ...],
             foreign_keys: tuple[ForeignKey, ...]) -> str | None:
    """The column with a name like `name` or `title`, else a text that is no key, else the key; None without
    columns."""
    own = re.escape(table.lower().removesuffix('s').removesuffix('ie'))
    refers = {name for each in foreign_keys for name in each.columns}
    plain = [column for column in columns
             if column.affinity != 'BLOB' or 'BLOB' not in column.declared.upper()]
    for pattern in _LABELS:
        for column in plain:
            if re.fullmatch(pattern.format(own), column.name.lower().replace(' ', '_')):
                return column.name
    texts = [column for column in plain if column.affinity == 'TEXT' and column.rule.choices is None
             and not _LONG.fullmatch(column.name.lower())]
    for found in ([each for each in texts if not each.key and each.name not in refers],
                  [each for each in texts if each.key], texts):
        if found:
            return found[0].name
    return key[0] if key else next((column.name for column in columns), None)
