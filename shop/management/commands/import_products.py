import time
from argparse import ArgumentParser
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from django.core.management.base import BaseCommand, CommandError

from catalog.importing import planning, runs
from catalog.importing.formats import open_table
from catalog.importing.models import ImportRun, ImportStep
from shop.api.errors import ShopError
from shop.management.progress import Progress

FAULTS_SHOWN = 50
EXTEND_LEASE_AFTER_SECONDS = 20.0


class Command(BaseCommand):
    help = (
        "Create and change products from a file, one row per variant, identified by SKU (docs/import.md). Every row is "
        "checked before the first is written. If the command is killed, run it again to finish."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="CSV or XLSX.")
        parser.add_argument("--dry-run", action="store_true", help="Show the changes without making them.")
        encodings = ImportRun.Encoding.values
        parser.add_argument(
            "--encoding", choices=encodings, default=encodings[0], help="Encoding of a CSV file (default: utf-8)."
        )

    def handle(self, *args: Any, file: str, dry_run: bool, encoding: str, **options: Any) -> None:
        try:
            with Path(file).open("rb") as opened:
                self._import(opened, Path(file).name, dry_run=dry_run, encoding=encoding)
        except ShopError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from error

    def _import(self, file: BinaryIO, name: str, *, dry_run: bool, encoding: str) -> None:
        digest = runs.digest_of(file)
        if not dry_run and (run := runs.find_unfinished(digest)):
            self.stdout.write(
                f"  Continuing the unfinished import of this file (started {run.confirmed_at:%d %b, %H:%M})."
            )
            self._apply(run)
            return
        run = ImportRun(filename=name, digest=digest)
        with Progress(self.stdout, "Checking", per_second=True) as bar:
            planning.build_plan(run, open_table(file, encoding=encoding, is_upload=False), tick=bar)
        if run.fault_count or dry_run or not run.steps:
            try:
                self._report(run, in_full=dry_run)
            finally:
                planning.discard(run.plan)
            return
        self._report(run, in_full=False)
        runs.start_without_preview(run=run)
        self._apply(run)

    def _report(self, run: ImportRun, *, in_full: bool) -> None:
        """Raises :class:`CommandError` on errors."""
        if run.fault_count:
            for row, column, detail in run.faults[:FAULTS_SHOWN]:
                self.stderr.write(f"  row {row}, {column}: {detail}")
            if run.fault_count > FAULTS_SHOWN:
                self.stderr.write(f"  … and {run.fault_count - FAULTS_SHOWN:,} more")
            raise CommandError(f"{_counted(run.fault_count, 'error')}; nothing was changed.")
        if in_full and run.plan:
            for step in ImportStep.objects.filter(plan=run.plan).order_by("number").iterator():
                self._show(step)
        self.stdout.write(
            f"  {run.new_rows:,} rows new, {run.changed_rows:,} changed, {run.unchanged_rows:,} unchanged."
        )

    def _show(self, step: ImportStep) -> None:
        self.stdout.write(f"  {step.name}{'' if step.product_id else ' (new)'}")
        for column, before, after in step.changes:
            self.stdout.write(f"      {column}: {_shown(before)} → {_shown(after)}")
        for variant in step.variants:
            self.stdout.write(f"    row {variant['row']}, {variant['sku']}{'' if variant['id'] else ' (new)'}")
            for column, before, after in variant["changes"]:
                self.stdout.write(f"      {column}: {_shown(before)} → {_shown(after)}")

    def _apply(self, run: ImportRun) -> None:
        done = False
        with Progress(self.stdout, "Writing products", per_second=True) as bar:
            while not done:
                runs.extend_lease(run)
                is_time_to_extend = partial(_is_past, time.monotonic() + EXTEND_LEASE_AFTER_SECONDS)
                done = runs.apply(run_id=run.pk, until=is_time_to_extend, tick=bar)
        run.refresh_from_db()
        if run.conflicts and run.plan:
            for step in ImportStep.objects.filter(plan=run.plan).exclude(conflict="").order_by("number")[:FAULTS_SHOWN]:
                self.stderr.write(f"  {step.name}: {step.conflict}")
            were = "was" if run.conflicts == 1 else "were"
            raise CommandError(
                f"{_counted(run.conflicts, 'product')} changed during the import and {were} "
                "skipped; the others were imported."
            )
        self.stdout.write(self.style.SUCCESS(f"  {_counted(run.steps, 'product')} written."))


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


def _shown(text: str) -> str:
    text = text.replace("\n", "⏎")
    return f"{text[:97]}…" if len(text) > 98 else text or "–"


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
