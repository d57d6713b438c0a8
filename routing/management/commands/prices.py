"""``manage.py prices missing``."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from routing.selectors import models_without_price

_MISSING = 1


class Command(BaseCommand):
    """What models cost, as far as anybody knows."""

    help = "List the enabled models whose calls cost nobody knows what."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One sub-command for each question."""
        questions = parser.add_subparsers(dest="question", required=True, metavar="missing")
        about = "List enabled models without a known price. Exit code 0: there are none, 1: there are."
        questions.add_parser("missing", help=about, description=about)

    def handle(self, *args: Any, **options: Any) -> None:
        """Answer it.

        Raises:
            CommandError: a price is missing.
        """
        models = models_without_price(timezone.now())
        for model in models:
            owner = model.provider.tenant
            self.stdout.write(str(model) if owner is None else f"{model} (of tenant {owner})")
        if models:
            raise CommandError(
                f"{len(models)} model(s) without a known price: their calls have no cost in reports, and hard budgets "
                "refuse them. Set prices in the admin or in providers.yaml.",
                returncode=_MISSING,
            )
        self.stdout.write("The price of every enabled model is known.")
