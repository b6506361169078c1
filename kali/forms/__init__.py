"""Forms: lenses (text to value and back), elements (value to HTML control), formlet (the life of a form).

    Formlet         a form from showing it to saving it: a subclass says what to save
    Entry, Memo     one line of text, several; Hidden, Static: nothing to type
    Pick, Radio     one choice of several; Check, CheckMany: boxes to tick
    Upload, Picture, Rows
                    files; one that the record keeps; a list of records in a record
    Element         the base of all of them; elements_from (a dataclass), elements_from_table (a schema)
    String, Integer, Float, Decimal, Date, Time, DateTime, Email, Url, Json, Boolean, Enum, Choices, List
                    lenses: what the text of an Entry or a choice means; Nullable, Test: around another one
    Lens, FormElement, StringLens, DateLens, ChoiceLens, EnumLens, ListLens
                    their bases, and the names of kali 0.0.x
    TYPICAL, BLANKABLE, NULLABLE, DATE, REQUIRED_DATE
                    lenses that are ready-made
    render_form, render_page, Fields, Field
                    the HTML of a form, whole or field by field; tag: one HTML element
    MESSAGES        what kali says itself; change an entry to say it in another way
    ValidationError, SaveError
                    what a lens raises, and what `save` raises for the fields of a form
"""

from kali.errors import SaveError, ValidationError
from kali.forms.choices import Boolean, ChoiceLens, Choices, Enum, EnumLens, ListLens
from kali.forms.choosers import Check, CheckMany, Pick, Radio
from kali.forms.derive import elements_from
from kali.forms.elements import Element, Entry, FormElement, Hidden, Memo, Static, tag
from kali.forms.formats import Email, Json, Url
from kali.forms.formlet import Formlet
from kali.forms.lenses import BLANKABLE, NULLABLE, TYPICAL, Lens, List, Nullable, String, StringLens, Test
from kali.forms.pictures import Picture
from kali.forms.rendering import Field, Fields, render_form, render_page
from kali.forms.rows import Rows
from kali.forms.schema import elements_from_table
from kali.forms.typed import DATE, REQUIRED_DATE, Date, DateLens, DateTime, Decimal, Float, Integer, Time
from kali.forms.uploads import Upload
from kali.locale.words import MESSAGES
from kali.names import listed

__all__ = ['BLANKABLE', 'DATE', 'MESSAGES', 'NULLABLE', 'REQUIRED_DATE', 'TYPICAL', 'Boolean', 'Check',
           'CheckMany', 'ChoiceLens', 'Choices', 'Date', 'DateLens', 'DateTime', 'Decimal', 'Element',
           'Email', 'Entry', 'Enum', 'EnumLens', 'Field', 'Fields', 'Float', 'FormElement', 'Formlet',
           'Hidden', 'Integer', 'Json', 'Lens', 'List', 'ListLens', 'Memo', 'Nullable', 'Pick', 'Picture',
           'Radio', 'Rows', 'SaveError', 'Static', 'String', 'StringLens', 'Test', 'Time', 'Upload', 'Url',
           'ValidationError', 'elements_from', 'elements_from_table', 'render_form', 'render_page', 'tag']


__dir__ = listed(__all__)
