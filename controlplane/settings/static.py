"""Static files: collected once under content-hashed names, served by the web server itself, not by Django."""

from controlplane.settings.env import BASE_DIR, env

STATIC_URL = "/static/"
STATIC_ROOT = env.static_root
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}
MEDIA_ROOT = env.layout.var_dir / "media"
