from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalog"

    def ready(self) -> None:
        from catalog import changes, due_prices, movement_sums, services  # noqa: F401 (they register their jobs)
        from catalog.collections import images, membership  # noqa: F401
        from catalog.importing import runs  # noqa: F401
        from catalog.vocabulary import upkeep  # noqa: F401

        changes.register()
