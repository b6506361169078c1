"""Launchers: small files that start a packed program by a double click, one for each system.

They stand beside the program and have its name. They find it by their own place and name, so that both can be
moved together; only the desktop entry must name it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ['LAUNCHERS', 'desktop_entry']

COMMAND = '''#!/bin/sh
# Starts the program of this name, with the first Python that is new enough.
program=${0%.command}.pyz
for python in python3 /opt/homebrew/bin/python3 /usr/local/bin/python3 python; do
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 || continue
    exec "$python" "$program" "$@"
done
echo 'This program needs Python 3.10 or newer: get it from https://www.python.org/downloads/'
'''

# Without %~n0 the program's name would stand in a file that Windows reads in a code page of its own.
BAT = '''@echo off
rem Starts the program of this name without a console, with the first Python that is new enough.
setlocal
set "program=%~dpn0.pyz"
set arguments=%*
call :start "py -3" "pyw -3"
if not errorlevel 1 exit /b 0
call :start python pythonw
if not errorlevel 1 exit /b 0
echo This program needs Python 3.10 or newer: get it from https://www.python.org/downloads/
pause
exit /b 1

:start
%~1 -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>&1
if errorlevel 1 exit /b 1
start "" %~2 "%program%" %arguments%
exit /b 0
'''

VBS = '''' Starts the program of this name; no console appears, not even for a moment.
Set shell = CreateObject("WScript.Shell")
program = Left(WScript.ScriptFullName, Len(WScript.ScriptFullName) - 4)
arguments = ""
For Each argument In WScript.Arguments
    arguments = arguments & " """ & argument & """"
Next
shell.Run """" & program & ".bat""" & arguments, 0, False
'''

#: What a launcher's name ends with -> its text.
LAUNCHERS = {'.command': COMMAND, '.bat': BAT.replace('\n', '\r\n'), '.vbs': VBS.replace('\n', '\r\n')}


def desktop_entry(name: str, command: Sequence[str], icon: str = '', wm_class: str = '') -> str:
    """The text of a `.desktop` file.

    :param name: what the user sees
    :param command: what is started; the files that are dropped on the icon follow
    :param icon: the path of a picture, or the name of one of the theme
    :param wm_class: the class of the program's windows, so that they get this icon

    >>> print(desktop_entry('Datebook', ['python3', '/My tools/50 %.pyz'], wm_class='datebook'))
    [Desktop Entry]
    Type=Application
    Name=Datebook
    Exec="python3" "/My tools/50 %%.pyz" %F
    Terminal=false
    StartupWMClass=datebook
    <BLANKLINE>

    Source: Desktop Entry Specification, "The Exec key", "Basic format of the file".
    """
    quoted = ' '.join('"' + re.sub(r'(["`$\\])', r'\\\1', part).replace('%', '%%') + '"' for part in command)
    entries = {'Type': 'Application', 'Name': name, 'Exec': f'{quoted} %F', 'Icon': icon, 'Terminal': 'false',
               'StartupWMClass': wm_class}
    lines = [f'{key}={_escaped(value)}' for key, value in entries.items() if value]
    return '\n'.join(['[Desktop Entry]', *lines, ''])


def _escaped(value: str) -> str:
    return value.replace('\\', '\\\\').replace('\n', '\\n').replace('\t', '\\t').replace('\r', '\\r')
