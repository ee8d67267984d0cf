from typing import Any

from django.db.migrations import RunPython


def replace_unique_indexes(*labels: str) -> RunPython:
    """Replace the indexes that releases before `shop.db.backend.unique_indexes` made of these models."""

    def replace(apps: Any, schema_editor: Any) -> None:
        for label in labels:
            schema_editor.replace_unique_indexes(apps.get_model(label))

    return RunPython(replace, RunPython.noop)
