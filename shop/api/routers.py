from typing import Any, ClassVar

from rest_framework.routers import DynamicRoute, Route, SimpleRouter


class ShopRouter(SimpleRouter):
    """Make trailing slashes optional, and map viewsets with ``singleton = True`` to their prefix, without an id.

    PUT of a list is ``bulk_update``.
    """

    singleton_routes: ClassVar[list[Route | DynamicRoute]] = [
        Route(
            url=r"^{prefix}{trailing_slash}$",
            mapping={"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"},
            name="{basename}",
            detail=False,
            initkwargs={},
        ),
        *(route for route in SimpleRouter.routes if isinstance(route, DynamicRoute) and not route.detail),
    ]

    def __init__(self, *, root: str = "") -> None:
        """Prefix routes with ``root``: an ``include()`` would add a resolver per request."""
        super().__init__()
        self.root = root
        self.routes = [_with_bulk_update(route) for route in self.routes]
        self.trailing_slash = "/?"

    def register(self, prefix: str, *args: Any, **kwargs: Any) -> None:
        super().register(f"{self.root}{prefix}", *args, **kwargs)

    def get_routes(self, viewset: type) -> list[Route]:
        if not getattr(viewset, "singleton", False):
            return super().get_routes(viewset)
        shared = self.routes
        self.routes = self.singleton_routes
        try:
            return super().get_routes(viewset)
        finally:
            self.routes = shared


def _with_bulk_update(route: Route | DynamicRoute) -> Route | DynamicRoute:
    if isinstance(route, DynamicRoute) or route.detail:
        return route
    return route._replace(mapping={**route.mapping, "put": "bulk_update"})
