import secrets
from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from catalog.importing.errors import TooLargeForXLSX
from orders.invoices import accounting


class Command(BaseCommand):
    help = "Write the invoices, credit notes and lost disputes of a period to a CSV or XLSX file (docs/invoices.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="Name ending in .csv or .xlsx.")
        for name, text in (("first", "First"), ("last", "Last")):
            parser.add_argument(f"--{name}", type=date.fromisoformat, required=True, help=f"{text} day, as 2026-01-31.")

    def handle(self, *args: Any, file: Path, first: date, last: date, **options: Any) -> None:
        kind = file.suffix.lower().removeprefix(".")
        if kind not in accounting.KINDS:
            raise CommandError(f"{file} must end in .csv or .xlsx.")
        # Readers see the complete file or none.
        unfinished = file.with_name(f".{file.name}-{secrets.token_hex(4)}")
        try:
            with unfinished.open("xb") as output:
                count = accounting.write(output, kind=kind, first=first, last=last)
            unfinished.replace(file)
        except TooLargeForXLSX as error:
            raise CommandError(TooLargeForXLSX.default_detail) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
        finally:
            unfinished.unlink(missing_ok=True)
        self.stdout.write(f"  {file} contains {count:,} rows.")
