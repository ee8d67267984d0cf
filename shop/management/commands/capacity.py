from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shop.management.capacity import Size, report


class Command(BaseCommand):
    help = "Estimate disk, memory, processors and connections for a shop of a size (docs/scaling.md)."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--products", type=int, required=True)
        parser.add_argument("--orders-per-minute", type=int, required=True, help="At the peak.")
        parser.add_argument("--peak", type=float, default=4.0, help="The peak divided by the average (default: 4).")
        parser.add_argument("--years", type=float, default=2.0, help="Years of trading (default: 2).")
        parser.add_argument(
            "--cached", type=float, default=0.0, help="Share of the catalogue's requests that a CDN answers, 0 to 1."
        )

    def handle(
        self,
        *args: Any,
        products: int,
        orders_per_minute: int,
        peak: float,
        years: float,
        cached: float,
        **options: Any,
    ) -> None:
        if products < 1 or orders_per_minute < 1 or peak < 1 or years <= 0 or not 0 <= cached <= 1:
            raise CommandError("The numbers must be positive, --peak at least 1 and --cached from 0 to 1.")
        size = Size(products, orders_per_minute, peak=peak, years=years, cached=cached)
        self.stdout.write("\n".join(report(size)))
