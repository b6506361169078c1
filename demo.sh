#!/bin/sh
# ./demo.sh [NAME]: runs one of kali's examples, the gallery of all of them if none is named.
# Looks for a Python that is new enough; the rest is examples/__main__.py. Nothing is installed.

case $0 in */*) here=${0%/*} ;; *) here=. ;; esac

# Started by a double click, the console would close before anybody has read what went wrong.
end() {
    if [ "$1" -ne 0 ] && [ -n "$clicked" ]; then
        printf 'Press Enter to close this window. '
        read -r _
    fi
    exit "$1"
}
clicked=
[ $# -eq 0 ] && [ -t 0 ] && clicked=perhaps

for python in python3 python python3.14 python3.13 python3.12 python3.11 python3.10 ''; do
    [ -n "$python" ] || break
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 && break
done
if [ -z "$python" ]; then
    echo 'kali needs Python 3.10 or newer, and none was found here: get it from' \
        'https://www.python.org/downloads/ or, on Debian and Ubuntu, with: sudo apt install python3' >&2
    end 1
fi

[ -n "$clicked" ] || exec "$python" "$here/examples" "$@"
"$python" "$here/examples"
end $?
