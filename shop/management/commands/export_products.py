import secrets
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.importing import csv_format, xlsx_writer
from catalog.importing.export import Export
from catalog.models import Product
from shop.api.errors import ShopError
from shop.management.progress import Progress


class Command(BaseCommand):
    help = "Write all products to a file, one row per variant, for `import_products` (docs/import.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="Name ending in .csv or .xlsx; - writes CSV to standard output.")

    def handle(self, *args: Any, file: str, **options: Any) -> None:
        try:
            if file == "-":
                self._write_to_stdout()
            else:
                self._write(Path(file))
        except ShopError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error

    def _write_to_stdout(self) -> None:
        Export(Product.objects.all()).write(csv_format.Writer(sys.stdout.buffer, byte_order_mark=False))

    def _write(self, path: Path) -> None:
        suffix = path.suffix.lower()
        if suffix not in (".csv", ".xlsx"):
            raise CommandError(f"{path} must end in .csv or .xlsx.")
        # Readers see the complete file or none.
        unfinished = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
        try:
            products = Product.objects.all()
            total = products.count()
            with unfinished.open("xb") as file, Progress(self.stdout, "Products", per_second=True) as bar:
                export = Export(products, tick=lambda done: bar(done, max(done, total)))
                export.write(csv_format.Writer(file) if suffix == ".csv" else xlsx_writer.Writer(file))
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)
        self.stdout.write(f"  {path} contains {total:,} products.")
