from dataclasses import dataclass

from django.http import HttpRequest


@dataclass
class RequestState:
    # Django asks for each value of each parameter.
    allowed_lookups: set[str | None] | None = None
    refusal: Exception | None = None
    was_saved: bool = False
    was_deleted: bool = False
    # False if the user filtered or searched the list, whatever conditions its order adds.
    is_whole_list: bool = False
    # Shown below what a search found.
    search_note: str = ""


def state_of(request: HttpRequest) -> RequestState:
    return vars(request).setdefault("admin_state", RequestState())
