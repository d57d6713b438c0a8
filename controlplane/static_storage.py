"""How static files are kept: under names of their content, with a compressed copy beside each that gets smaller."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.staticfiles.storage import HashedFilesMixin
from servestatic.storage import CompressedManifestStaticFilesStorage

from controlplane.static_files import HASHED_NAME

OUR_MODULES = "console/*.js"


class HashedStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Also what our modules import has the name of its content: an old page never gets half of a new release.

    Other people's scripts are left as they are: Django looks for imports with regular expressions, and finds some in
    their comments and texts.
    """

    patterns = (
        *HashedFilesMixin.patterns,
        (OUR_MODULES, HashedFilesMixin._js_module_import_aggregation_patterns[1]),  # type: ignore[attr-defined]
    )

    def compress_files(self, paths: set[str]) -> Iterator[tuple[str, str]]:
        """Compress what pages ask for: files under their hashed names, and no source maps."""
        asked_for = {path for path in paths if HASHED_NAME.search(path) and not path.endswith(".map")}
        yield from super().compress_files(asked_for)
