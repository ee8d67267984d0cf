from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = "Catalog"

    def ready(self) -> None:
        from catalog import movement_sums, services  # noqa: F401 (they register their jobs)
        from catalog.importing import runs  # noqa: F401
