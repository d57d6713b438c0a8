"""Static files: collected once under content-hashed names, served in front of Django (controlplane.asgi)."""

from pathlib import Path

from controlplane.settings.env import BASE_DIR, env

STATIC_URL = "/static/"
STATIC_ROOT = env.static_root
STATICFILES_DIRS: list[Path | tuple[str, Path]] = [path for path in [BASE_DIR / "static"] if path.is_dir()]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "controlplane.static_storage.HashedStorage"},
}
MEDIA_ROOT = env.layout.var_dir / "media"
