from argparse import ArgumentParser
from collections import Counter
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from payments.errors import StripeUnavailable
from payments.reconciliation import MIN_AGE, Report, reconcile


class Command(BaseCommand):
    help = (
        "Compare Stripe's PaymentIntents and refunds with the database, repair what webhooks missed, and list "
        "problems for manual review: payments without an order, orders without a payment. A second run changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--hours", type=float, default=48, help="How far to look back (default: 48).")
        parser.add_argument(
            "--settling-minutes",
            type=float,
            default=MIN_AGE.total_seconds() / 60,
            help="Skip objects younger than this (default: 5).",
        )

    def handle(self, *args: Any, hours: float, settling_minutes: float, **options: Any) -> None:
        now = timezone.now()
        total: Counter[str] = Counter()
        try:
            for report in reconcile(
                since=now - timedelta(hours=hours), until=now - timedelta(minutes=settling_minutes)
            ):
                self._print(report)
                total.update(intents=report.intents, payments=report.payments)
                total.update(repaired=len(report.repaired), problems=len(report.problems))
        except StripeUnavailable as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{total['intents']} PaymentIntents and {total['payments']} payments compared, "
            f"{total['repaired']} repaired, {total['problems']} problems."
        )
        if total["problems"]:
            raise CommandError("Some payments need manual review.")

    def _print(self, report: Report) -> None:
        for line in report.repaired:
            self.stdout.write(self.style.WARNING(f"repaired  {line}"))
        for line in report.problems:
            self.stdout.write(self.style.ERROR(f"problem   {line}"))
