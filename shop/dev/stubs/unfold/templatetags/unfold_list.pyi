from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import Model
from django.forms import ModelForm

CHECKBOX_CLASSES: list[str]
LINK_CLASSES: list[str]
ROW_CLASSES: list[str]

class UnfoldResultList(list[str]):
    def __init__(self, instance: Model, form: ModelForm | None, *items: Iterable[str]) -> None: ...

def result_headers(cl: Any) -> Iterator[dict[str, Any]]: ...
