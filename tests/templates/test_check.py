"""`python -m kali check FOLDER`: every mistake with its place, for editors and for CI."""

import os

import pytest

from kali.__main__ import main

GOOD = '<extend>page<?body?>{x}'


@pytest.fixture
def check(tmp_path, capsys):
    def run(files, *arguments):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        code = main(['check', str(tmp_path), *arguments])
        printed = capsys.readouterr()
        lines = (printed.out + printed.err).replace(str(tmp_path), 'FOLDER')
        return code, lines.replace(os.sep, '/').splitlines()

    return run


def test_a_sound_folder_is_silent(check):
    assert check({'page.tpl': '{body}', 'a.tpl': GOOD}) == (0, [])


def test_each_mistake_is_a_line(check):
    code, lines = check({'page.tpl': '{body}', 'a.tpl': GOOD + '<p title={x}>', 'b.tpl': '\n<?end?>',
                         'c.tpl': GOOD})
    assert code == 1
    assert [line.split(': ')[0] for line in lines] == ['FOLDER/a.tpl:1:33', 'FOLDER/b.tpl:2:1']


def test_a_name_with_a_slash_starts_at_the_folder(check):
    assert check({'page.tpl': '{body}', 'mail/a.tpl': GOOD, 'b.tpl': '<?include mail/a?>'}) == (0, [])


def test_a_folder_of_folders_has_the_templates_of_several_applications(check):
    code, lines = check({'one/page.tpl': '{body}', 'one/a.tpl': GOOD, 'two/page.tpl': '{bdy}',
                         'two/b.tpl': GOOD, '.git/c.tpl': '{x:nom}', 'README': 'x'})
    assert code == 1
    assert len(lines) == 1 and lines[0].startswith('FOLDER/two/b.tpl:1:13: the base has no {body}')


def test_the_filters_of_an_application_are_named(check):
    files = {'a.tpl': '{x:coins}{x:stars}'}
    code, lines = check(files)
    assert code == 1 and "FOLDER/a.tpl:1:4: there is no filter 'coins'" in lines[0]
    assert check(files, '--filter', 'coins')[0] == 1
    assert check(files, '--filter', 'coins', '--filter', ':stars') == (0, [])


def test_another_extension(check):
    assert check({'a.html': '{x}'}) == (2, ['There is no template *.tpl in FOLDER.'])
    assert check({}, '--extension', '.html') == (0, [])
    assert check({'a.html': '{x:nom}'}, '--extension', '.html')[0] == 1
