@echo off
rem demo [NAME]: runs one of kali's examples, the gallery of all of them if none is named.
rem Looks for a Python that is new enough; the rest is examples\__main__.py. Nothing is installed.
setlocal

set "python="
for %%P in ("py -3" python python3) do if not defined python (
    %%~P -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>&1 && set "python=%%~P"
)
if not defined python (
    echo kali needs Python 3.10 or newer, and none was found: get it from https://www.python.org/downloads/
    pause
    exit /b 1
)

%python% "%~dp0examples" %*
set "code=%errorlevel%"
rem Started by a double click, the console would close before anybody has read why it failed.
if not "%code%"=="0" pause
exit /b %code%
