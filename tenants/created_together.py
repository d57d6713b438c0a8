"""Creating many tables in one step of a migration."""

from __future__ import annotations

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation, OperationCategory
from django.db.migrations.state import ProjectState


class CreateTogether(Operation):
    """Creates models in their order, as a row of ``CreateModel`` does, in a fraction of the time.

    After each ``CreateModel`` Django makes the classes of all models anew that are related to the new one over whatever
    distance, which with tenants are nearly all. Here that happens once, after the last.
    """

    category = OperationCategory.ADDITION

    def __init__(self, *models: CreateModel) -> None:
        self.models = models

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        """As arguments, for ``squashmigrations``."""
        return self.__class__.__qualname__, list(self.models), {}

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """The classes made so far are dropped first; the next one to ask for them has all of them made."""
        state.__dict__.pop("apps", None)
        for model in self.models:
            model.state_forwards(app_label, state)

    def database_forwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """The first named is created first."""
        for model in self.models:
            model.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self, app_label: str, schema_editor: BaseDatabaseSchemaEditor, from_state: ProjectState, to_state: ProjectState
    ) -> None:
        """The last named is dropped first."""
        for model in reversed(self.models):
            model.database_backwards(app_label, schema_editor, from_state, to_state)

    def references_model(self, name: str, app_label: str) -> bool:
        """Whether one of them is, or points at, the model."""
        return any(model.references_model(name, app_label) for model in self.models)

    def describe(self) -> str:
        """What ``migrate --plan`` shows."""
        return f"Create models {', '.join(model.name for model in self.models)}"
