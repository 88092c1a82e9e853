"""How often somebody may call a door: counted by the minute, in the cache (by default each web process has its own)."""

from __future__ import annotations

import time

from django.core.cache import cache
from rest_framework import exceptions


class TooOften(exceptions.Throttled):
    """Answered 429 with ``Retry-After``. ``is_first``: of this caller and minute."""

    def __init__(self, *, wait: int, sentence: str, is_first: bool) -> None:
        super().__init__(wait=wait, detail=sentence)
        self.sentence = sentence
        self.is_first = is_first


def count_call(caller: str, *, limit: int, sentence: str) -> None:
    """Count one call in the running minute. Raises TooOften beyond ``limit``."""
    minute, second = divmod(int(time.time()), 60)
    key = f"{caller}:{minute}"
    cache.add(key, 0, timeout=120)
    count = cache.incr(key)
    if count > limit:
        raise TooOften(wait=60 - second, sentence=sentence, is_first=count == limit + 1)
