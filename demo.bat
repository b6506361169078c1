@echo off
rem demo [NAME]: runs one of kali's examples, the gallery of all of them if none is named.
rem Looks for a Python that is new enough; the rest is examples\__main__.py. Nothing is installed.
rem `call`, since python may be a batch file itself, as that of pyenv is.
setlocal

set "python="
call :try py -3
call :try python
call :try python3
if not defined python goto none

call %python% "%~dp0examples" %*
set "code=%errorlevel%"
rem Started by a double click, the console would close before anybody has read why it failed.
if not "%code%"=="0" pause
exit /b %code%

:none
echo kali needs Python 3.10 or newer, and none was found: get it from https://www.python.org/downloads/
pause
exit /b 1

:try
if defined python goto :eof
call %* -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>&1
if "%errorlevel%"=="0" set "python=%*"
goto :eof
