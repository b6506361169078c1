"""Django with its admin, on an SQLite file, in one module: `application()` makes the tables and a user."""

from __future__ import annotations

import os
from typing import Any


def application(folder: str) -> Any:
    """The WSGI application, with its database in `folder`; the user is admin, the password secret."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    settings.configure(
        DEBUG=True, SECRET_KEY='for tests only', ALLOWED_HOSTS=['*'], ROOT_URLCONF='admin',
        DEFAULT_AUTO_FIELD='django.db.models.AutoField', STATIC_URL='static/',
        PASSWORD_HASHERS=['django.contrib.auth.hashers.MD5PasswordHasher'],
        DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3',
                               'NAME': os.path.join(folder, 'django.sqlite')}},  # noqa: PTH118
        INSTALLED_APPS=['django.contrib.admin', 'django.contrib.auth', 'django.contrib.contenttypes',
                        'django.contrib.sessions', 'django.contrib.messages', 'django.contrib.staticfiles'],
        MIDDLEWARE=['django.contrib.sessions.middleware.SessionMiddleware',
                    'django.middleware.common.CommonMiddleware', 'django.middleware.csrf.CsrfViewMiddleware',
                    'django.contrib.auth.middleware.AuthenticationMiddleware',
                    'django.contrib.messages.middleware.MessageMiddleware'],
        TEMPLATES=[{'BACKEND': 'django.template.backends.django.DjangoTemplates', 'APP_DIRS': True,
                    'OPTIONS': {'context_processors': [
                        'django.template.context_processors.request',
                        'django.contrib.auth.context_processors.auth',
                        'django.contrib.messages.context_processors.messages']}}])
    django.setup()
    call_command('migrate', verbosity=0)
    from django.contrib.auth.models import User
    if not User.objects.filter(username='admin').exists():
        User.objects.create_superuser('admin', 'admin@example.org', 'secret')
    return get_wsgi_application()


def __getattr__(name: str) -> Any:
    if name != 'urlpatterns':
        raise AttributeError(name)
    from django.contrib import admin
    from django.contrib.staticfiles.views import serve
    from django.urls import path, re_path
    return [path('admin/', admin.site.urls), re_path('^static/(?P<path>.*)$', serve)]
