"""Records: from the schema of a database to a working program.

    from kali.records import Records, Table, Chart

`Records(connection)` is an application: lists, forms, search, import and export for each table and view of
the file. A `Table` says what the schema does not, a `Chart` what is to be drawn.
"""

from kali.names import listed
from kali.records.app import Records
from kali.records.declared import Chart, Table

__all__ = ['Chart', 'Records', 'Table']

__dir__ = listed(__all__)
