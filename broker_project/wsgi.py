"""WSGI entry point. DATABASE_URL must be set; ``manage.py up`` sets it to the embedded PostgreSQL."""

import os

from django.core.wsgi import get_wsgi_application

from .lib import collector

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")
application = get_wsgi_application()
collector.spare()
