"""Templates: HTML with placeholders, escaped for where they stand, compiled to Python.

    Template        a piece of HTML with places for values
    TemplateLoop    a list of items, with what stands before, after, and in place of them
    TemplateFolder  a folder of such files
"""

from kali.names import listed
from kali.templates.folder import TemplateFolder
from kali.templates.template import Template, TemplateLoop

__all__ = ['Template', 'TemplateFolder', 'TemplateLoop']

__dir__ = listed(__all__)
