"""Run by Django after each test that commits."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from tests.database.emptying import emptying


class Command(BaseCommand):
    """Takes the options of Django's own and goes by none of them."""

    stealth_options = ("reset_sequences", "allow_cascade", "inhibit_post_migrate", "interactive", "database")

    def handle(self, **options: Any) -> None:
        emptying.undo()
