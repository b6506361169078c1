"""Kali's own pages and files: the error page, and what is served under `/.kali/`."""
