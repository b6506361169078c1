#!/bin/sh
# ./demo.sh [NAME]: runs one of kali's examples, the gallery of all of them if none is named.
# Looks for a Python that is new enough; the rest is examples/__main__.py. Nothing is installed.

case $0 in */*) here=${0%/*} ;; *) here=. ;; esac

python=
for candidate in python3 python python3.13 python3.12 python3.11 python3.10; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done

if [ -n "$python" ]; then
    "$python" "$here/examples" "$@"
    code=$?
else
    echo 'kali needs Python 3.10 or newer, and none was found here: get it from' \
        'https://www.python.org/downloads/ or, on Debian and Ubuntu, with: sudo apt install python3' >&2
    code=1
fi

# Started by a double click, the console would close before anybody has read why it failed.
if [ "$code" -ne 0 ] && [ $# -eq 0 ] && [ -t 0 ]; then
    printf 'Press Enter to close this window. '
    read -r _
fi
exit "$code"
