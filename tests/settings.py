"""Settings of a test run: its own directory, its own servers unless DATABASE_URL and REDIS_URL name some.

Imported by pytest-django before anything else of ours, so the environment is completed here.
"""

import os
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

RUN_DIR_VARIABLE = "BREAKWATER_TEST_DIR"
_SHARED_REDIS_VARIABLE = "BREAKWATER_TEST_REDIS_URL"


def redis_url_of_worker(url: str, worker: str) -> str:
    """A Redis database of its own for each pytest-xdist worker: the address's, plus the worker's number plus one."""
    if not url or not worker.startswith("gw"):
        return url
    offset = int(worker[2:]) + 1
    address, _, parameters = url.partition("?")
    query = parse_qs(parameters)
    if urlsplit(url).scheme == "unix" or "db" in query:
        database = int(query.get("db", ["0"])[0])
        return f"{address}?{urlencode({**query, 'db': database + offset}, doseq=True)}"
    root, number = re.sub(r"/(\d*)$", "", address), re.search(r"/(\d+)$", address)
    database = int(number[1]) if number else 0
    return f"{root}/{database + offset}{'?' if parameters else ''}{parameters}"


# Workers inherit the controller's directory and read its servers' addresses from it.
os.environ.setdefault(RUN_DIR_VARIABLE, str(Path(__file__).parent.parent / "var" / "tests" / str(os.getpid())))
os.environ["VAR_DIR"] = os.environ[RUN_DIR_VARIABLE]
os.environ["BREAKWATER_ENV"] = "test"
os.environ["DATABASE_POOL_SIZE"] = "0"

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
if _worker:
    from controlplane.embedded.layout import Layout

    _shared = os.environ.get(_SHARED_REDIS_VARIABLE) or Layout(Path(os.environ["VAR_DIR"])).redis_url()
    os.environ["REDIS_URL"] = redis_url_of_worker(_shared, _worker)
elif os.environ.get("REDIS_URL"):
    os.environ[_SHARED_REDIS_VARIABLE] = os.environ["REDIS_URL"]

from controlplane.settings import *  # noqa: F403
from controlplane.settings import INSTALLED_APPS, STATICFILES_DIRS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.database"]

# Pages render without a collected manifest; a cheap hash keeps user factories fast.
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
# What tests bring into pages comes from the pages' own server, as their policy wants it.
STATICFILES_DIRS = [*STATICFILES_DIRS, ("vendored", Path(__file__).parent / "console" / "vendored")]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_TASK_ALWAYS_EAGER = True
CELERY_TASK_EAGER_PROPAGATES = True
