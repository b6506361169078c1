"""The desktop: folders of the user, windows, and `serve_http`, which puts it all together."""
