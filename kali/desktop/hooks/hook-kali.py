"""Run by PyInstaller for a program that imports kali: its style sheets, scripts and handbook come along, and
the modules that are imported by name when they are first needed."""

from PyInstaller.utils.hooks import collect_data_files, collect_submodules

datas = collect_data_files('kali')
hiddenimports = collect_submodules('kali', filter=lambda name: name != 'kali.testing.plugin')
