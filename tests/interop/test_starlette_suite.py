"""Starlette's own tests, from its sdist, with one fixture replaced: `from_asgi` hosts the applications that
they make on a real kali server (starlette_client.py). What does not pass stands in a table.
"""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
VERSION = '1.10.0'  # the tables below are about this one
NEEDS = ('httpx2', 'itsdangerous', 'jinja2', 'yaml', 'anyio', 'multipart')

# Left out: these say nothing about a server, or cannot be sent to one.
LEFT_OUT = {
    'test_websockets.py': 'WebSockets',
    'test_testclient.py': 'about TestClient itself',
    'middleware/test_opentelemetry.py': 'needs the packages of OpenTelemetry',
    'trio': 'kali runs asyncio',
}
# How a test is named there, without its parameters or with them: why it does not pass, or does not apply.
TLS = 'asks for https: kali serves this machine, without TLS'
CLIENT = 'the client, httpx, refuses to send it'
DOES_NOT_APPLY = {
    'test_https_redirect_middleware': TLS,
    'test_www_redirect': TLS,
    'test_request_url': TLS,
    'test_url_for_with_root_path': TLS,
    'test_url_for_with_root_path_ending_with_slash': TLS,
    'test_received_bytes_are_counted_with_unreliable_content_length': CLIENT,
    'test_cookies_invalid[  =  b  ;  ;  =  ;   c  =  ;  -expected4]': CLIENT,
    r'test_staticfiles_304_with_if_none_match_wildcard[ \t* \t-GET]': CLIENT,
    r'test_staticfiles_304_with_if_none_match_wildcard[ \t* \t-HEAD]': CLIENT,
    'test_accessing_context_from_threaded_sync_endpoint': 'a ContextVar of the client, in its own process',
    'test_force_500_response': 'the page of an error that was raised is empty with TestClient',
    'test_request_headers': 'names zstd, which the client offers only with another package',
    'test_staticfiles_with_invalid_dir_permissions_returns_401': 'fails for root, with TestClient as well',
}
CHUNKED = 'a body in chunks is answered 501: browsers send none'
HOST = 'a Host that browsers never send is refused, 400: a port of leading zeros or over 65535, [v1.foo]'
METHOD = 'the method is in no browser, and answered 501'
EXCEPTIONS = {
    'test_chunked_encoding': CHUNKED,
    'test_max_part_size_exceeds_limit[app-expectation0]': CHUNKED,
    'test_max_part_size_exceeds_limit[app1-expectation1]': CHUNKED,
    'test_max_part_size_exceeds_custom_limit[app-expectation0]': CHUNKED,
    'test_max_part_size_exceeds_custom_limit[app1-expectation1]': CHUNKED,
    'test_trusted_host_middleware_ipv6[[v1.foo]-200]': HOST,
    'test_trusted_host_middleware_ipv6[api_service:000080-200]': HOST,
    'test_trusted_host_middleware_ipv6[api_service:100000-200]': HOST,
    'test_host_routing_ignores_port[api.example.org:000080]': HOST,
    'test_host_routing_ignores_port[api.example.org:100000]': HOST,
    'test_host_routing_ip_literals': HOST,
    'test_host_routing_rejects_invalid_hosts[api.example.org:evil]': HOST,
    'test_http_endpoint_does_not_dispatch_non_verb_method': METHOD,
    'test_http_endpoint_route_query_method': METHOD,
    'test_router_query_method': METHOD,
    'test_empty_response': 'kali gives each response a Content-Type',
    'test_response_phrase': '123 is no status of a final response (RFC 9110 section 15.2)',
}


def sdist(folder: Path) -> Path:
    """Starlette as its authors publish it, with its tests."""
    fetched = subprocess.run(
        [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-input', '--disable-pip-version-check',
         '--no-deps', '--no-binary', ':all:', '-d', str(folder), f'starlette=={VERSION}'],
        capture_output=True, text=True)
    archives = list(folder.glob('starlette-*.tar.gz'))
    if not archives:
        pytest.skip(f'the sdist of Starlette {VERSION} cannot be downloaded with pip here: '
                    + (fetched.stderr.strip().splitlines() or ['pip does not say why'])[-1])
    with tarfile.open(archives[0]) as archive:
        archive.extractall(folder, **({'filter': 'data'} if hasattr(tarfile, 'data_filter') else {}))
    return folder / f'starlette-{VERSION}'


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason=f'Starlette {VERSION} needs Python 3.11')
def test_starlettes_own_tests(tmp_path: Path) -> None:
    missing = [name for name in NEEDS if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f'Starlette\'s tests need {", ".join(missing)}')
    folder = sdist(tmp_path)
    with (folder / 'tests' / 'conftest.py').open('a', encoding='utf-8') as conftest:
        conftest.write('\nfrom starlette_client import *  # noqa\n')
    left_out = [f'--ignore=tests/{name}' for name in LEFT_OUT if name.endswith('.py')]
    report = tmp_path / 'report.xml'
    done = subprocess.run(
        [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', '-p', 'no:randomly', '--tb=line',
         '-k', 'not trio', f'--junitxml={report}', *left_out, 'tests'], cwd=folder, capture_output=True,
        text=True, errors='replace', timeout=300,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), str(HERE)])})
    assert report.is_file(), done.stdout + done.stderr
    cases = ElementTree.parse(report).getroot().findall('.//testcase')
    apply = [case for case in cases if case.find('skipped') is None and _name(case) not in DOES_NOT_APPLY]
    failed = [case for case in apply if case.find('failure') is not None or case.find('error') is not None]
    print(f'Starlette {VERSION}: {len(apply) - len(failed)} of {len(apply)} tests that apply pass')
    assert sorted(map(_name, failed)) == sorted(EXCEPTIONS), done.stdout[-5000:]
    assert len(apply) > 390
    assert len(failed) <= 0.05 * len(apply)


def _name(case: ElementTree.Element) -> str:
    """Of a test, without the name of anyio's backend."""
    return re.sub(r'\[asyncio\]$|(?<=\[)asyncio-|-asyncio(?=[-\]])', '', case.get('name', ''))
