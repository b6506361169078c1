"""workbook: rows as an Excel workbook (.xlsx), written while they come.

Source: ECMA-376, part 1, section 18.3; "Excel specifications and limits" of Microsoft
"""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from kali.markup import escape_text

__all__ = ['ROWS', 'write']

ROWS, TEXT = 1_048_575, 32_767  # rows below the heading, and characters of a cell

_OPEN = 'http://schemas.openxmlformats.org'
_MAIN = f'xmlns="{_OPEN}/spreadsheetml/2006/main"'
_KIND = 'application/vnd.openxmlformats-officedocument.spreadsheetml'
_RELATION = f'{_OPEN}/officeDocument/2006/relationships'
_PARTS = {
    '[Content_Types].xml': f'''<Types xmlns="{_OPEN}/package/2006/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Default Extension="xml" ContentType="{_KIND}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_KIND}.worksheet+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{_KIND}.styles+xml"/></Types>''',
    '_rels/.rels': f'''<Relationships xmlns="{_OPEN}/package/2006/relationships">
<Relationship Id="rId1" Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>''',
    'xl/_rels/workbook.xml.rels': f'''<Relationships xmlns="{_OPEN}/package/2006/relationships">
<Relationship Id="rId1" Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{_RELATION}/styles" Target="styles.xml"/></Relationships>''',
    # Cells of style 0 are plain, of 1 bold, of 2 a date, of 3 a date and time.
    'xl/styles.xml': f'''<styleSheet {_MAIN}><fonts count="2">
<font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill>
<fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>
<cellXfs count="4"><xf/><xf fontId="1" applyFont="1"/><xf numFmtId="14" applyNumberFormat="1"/>
<xf numFmtId="22" applyNumberFormat="1"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>''',
}
_WORKBOOK = (f'<workbook {_MAIN} xmlns:r="{_RELATION}"><sheets><sheet name="{{}}" sheetId="1" r:id="rId1"/>'
             '</sheets></workbook>')
_SHEET = f'''<worksheet {_MAIN}><sheetViews><sheetView workbookViewId="0">
<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>
<sheetFormatPr baseColWidth="14" defaultRowHeight="15"/><sheetData>'''
_NO_XML = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]')
_MOMENT = re.compile(r'[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(?::[0-9]{2})?)?')
_EPOCH = datetime.datetime(1899, 12, 30)


class _Pipe(io.RawIOBase):
    """What a ZipFile writes, to be taken from there."""

    def __init__(self) -> None:
        self._content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._content += data
        return len(data)

    def take(self) -> bytes:
        found = bytes(self._content)
        self._content.clear()
        return found


def write(title: str, names: Sequence[str], dates: Sequence[bool],
          batches: Iterable[Iterable[Sequence[Any]]]) -> Iterator[bytes]:
    """A workbook of one sheet, piece by piece; numbers are numbers in it, and dates dates.

    :param title: of the sheet
    :param names: the headings; and `dates`, whether each column holds dates, as ISO 8601 has them
    :param batches: the rows, some at a time
    """
    from zipfile import ZIP_DEFLATED, ZipFile  # few exports are workbooks

    sheet_name = re.sub(r'[\[\]:*?/\\]', ' ', title).strip("' ")[:31] or 'Sheet'
    pipe = _Pipe()
    with ZipFile(pipe, 'w', ZIP_DEFLATED) as archive:
        for part, content in {**_PARTS, 'xl/workbook.xml': _WORKBOOK.format(_text(sheet_name))}.items():
            archive.writestr(part, f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n{content}')
        with archive.open('xl/worksheets/sheet1.xml', 'w', force_zip64=True) as sheet:
            sheet.write(_SHEET.encode())
            sheet.write(f'<row>{"".join(_cell(name, False, 1) for name in names)}</row>'.encode())
            for batch in batches:
                rows = (f'<row>{"".join(map(_cell, row, dates))}</row>' for row in batch)
                sheet.write(''.join(rows).encode('utf-8', 'replace'))
                yield pipe.take()
            sheet.write(b'</sheetData></worksheet>')
    yield pipe.take()


def _cell(value: Any, is_date: bool, style: int = 0) -> str:
    if value is None:
        return '<c/>'
    if isinstance(value, (int, float)) and abs(value) < 1e15:  # a sheet keeps 15 digits
        return f'<c><v>{value!r}</v></c>'
    if is_date and isinstance(value, str) and (match := _MOMENT.fullmatch(value)):
        try:
            moment = datetime.datetime.fromisoformat(value)
        except ValueError:  # a day of no calendar
            moment = _EPOCH
        if moment.year > 1900:  # Excel knows a 29 February 1900
            days = (moment - _EPOCH) / datetime.timedelta(1)
            return f'<c s="{3 if match[1] else 2}"><v>{days:.10g}</v></c>'
    text = f'({len(value):,} bytes)' if isinstance(value, bytes) else str(value)
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{_text(text)}</t></is></c>'


def _text(text: str) -> str:
    return escape_text(_NO_XML.sub('\ufffd', text[:TEXT]))
