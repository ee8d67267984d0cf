from enum import Enum, auto

from django.conf import settings


class Area(Enum):
    API = auto()
    ADMIN = auto()
    DOCS = auto()
    # Static files and local images.
    FILES = auto()
    HEALTH = auto()
    ELSEWHERE = auto()


def area_of(path: str) -> Area:
    if path.startswith("/api/v1/"):
        return Area.API
    if path.startswith("/api/docs"):
        return Area.DOCS
    if path.startswith(f"/{settings.ADMIN_PATH}"):
        return Area.ADMIN
    if path.startswith((settings.STATIC_URL, settings.MEDIA_URL)):
        return Area.FILES
    if path in ("/livez", "/readyz", "/livez/", "/readyz/", "/metrics"):
        return Area.HEALTH
    return Area.ELSEWHERE
