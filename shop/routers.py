"""The one router: every path with and without its trailing slash, and resources of which there is one."""

from rest_framework.routers import DynamicRoute, Route, SimpleRouter


class ShopRouter(SimpleRouter):
    """A ``SimpleRouter`` whose trailing slashes are optional.

    A viewset with ``singleton = True`` (the cart, one's own profile) answers at its prefix itself: ``retrieve``,
    ``update``, ``partial_update`` and ``destroy`` take no id there.
    """

    singleton_routes = [
        Route(
            url=r"^{prefix}{trailing_slash}$",
            mapping={"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"},
            name="{basename}",
            detail=False,
            initkwargs={},
        ),
        *(route for route in SimpleRouter.routes if isinstance(route, DynamicRoute) and not route.detail),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.trailing_slash = "/?"

    def get_routes(self, viewset: type) -> list[Route]:
        if not getattr(viewset, "singleton", False):
            return super().get_routes(viewset)
        shared = self.routes
        self.routes = self.singleton_routes
        try:
            return super().get_routes(viewset)
        finally:
            self.routes = shared
