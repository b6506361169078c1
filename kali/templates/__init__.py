"""Templates: HTML with placeholders, escaped for where they stand, compiled to Python."""

from kali.names import listed
from kali.templates.folder import TemplateFolder
from kali.templates.template import Template, TemplateLoop

__all__ = ['Template', 'TemplateFolder', 'TemplateLoop']

__dir__ = listed(__all__)
