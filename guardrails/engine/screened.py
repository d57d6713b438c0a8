"""Texts in which fast rules found nothing: conversations repeat their history, and applications their instructions.

What is kept are keyed digests and never texts. Fast rules are deterministic, so that what was good once is good until
a rule is another: its detectors are part of the key, and so is whose text it was, because how long a call takes must
not tell one tenant what another has sent.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from hashlib import blake2b
from typing import Final

TEXTS: Final = 32_768
"""Digests that a worker keeps: some 5 MB."""
_SIZE: Final = 16


class Screened:
    """The digests of one worker; of those beyond the most, the ones that were not met for longest go."""

    def __init__(self, most: int = TEXTS) -> None:
        self._most = most
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._digests)

    def by(self, tenant_id: str, detectors: bytes) -> ScreenedBy:
        """Those of a tenant that these detectors have looked at."""
        return ScreenedBy(self, _key(tenant_id, detectors))

    def knows(self, digest: bytes) -> bool:
        """Whether the text was found to be good, and keeps it for longer if so."""
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True

    def add(self, digest: bytes) -> None:
        """Another good one."""
        self._digests[digest] = None
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)


@lru_cache(maxsize=4_096)
def _key(tenant_id: str, detectors: bytes) -> bytes:
    return blake2b(detectors, key=tenant_id.encode()[:64]).digest()


class ScreenedBy:
    """What certain detectors have found to be good among one tenant's texts, for the time of one look."""

    __slots__ = ("_key", "_screened", "_unknown")

    def __init__(self, screened: Screened, key: bytes) -> None:
        self._screened = screened
        self._key = key
        self._unknown: dict[str, bytes] = {}

    def knows(self, text: str) -> bool:
        """Whether the text was looked at before, and nothing was found."""
        digest = blake2b(text.encode(errors="surrogatepass"), digest_size=_SIZE, key=self._key).digest()
        known = self._screened.knows(digest)
        if not known:
            self._unknown[text] = digest
        return known

    def add(self, text: str) -> None:
        """Nothing was found in the text, of which was asked before whether it is known."""
        self._screened.add(self._unknown[text])
