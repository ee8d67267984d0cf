import argparse
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from shop.dev.demo import bench, seeding
from shop.dev.demo.products import PRODUCTS
from shop.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Fill the shop with demo products, pictures, shipping, taxes, coupons and people; or with --products N with a "
        "catalog for benchmarks. Existing data is kept."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--products", type=_count, help="number of products of the benchmark catalog")
        parser.add_argument("--categories", type=_count, help="its categories (20)")
        parser.add_argument("--images", type=_count, help="images of each of its products (3); names, no files")
        parser.add_argument("--users", type=_count, help="its users, each with a cart of three lines (50)")

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = {name: options[name] for name in ("products", "categories", "images", "users")}
        given = {name: size for name, size in sizes.items() if size is not None}
        if not given:
            self._seed_demo()
        elif "products" in given:
            self._seed_bench(**given)
        else:
            raise CommandError("--categories, --images and --users apply to the benchmark catalog: add --products.")

    def _seed_demo(self) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo creates accounts with public passwords, so `manage.py seed` needs DEBUG=1.")
        made = seeding.seed_terms() + seeding.seed_people() + seeding.seed_categories()
        with Progress(self.stdout, "Demo products") as bar:
            made += seeding.seed_products(PRODUCTS, tick=bar)
        with Progress(self.stdout, "Demo pictures") as bar:
            made += seeding.seed_pictures(PRODUCTS, tick=bar)
        self.stdout.write(
            f"  Demo data created: {len(PRODUCTS)} products."
            if made
            else "  Demo data is complete; nothing was changed."
        )

    def _seed_bench(self, *, products: int, categories: int = 20, images: int = 3, users: int = 50) -> None:
        if users and not settings.DEBUG:
            self.stderr.write(
                f"Note: {users} customers with a public password are created; delete them after measuring."
            )
        rows = bench.seed_categories(categories)
        with Progress(self.stdout, "Bench products", per_second=True) as bar:
            made = bench.seed_products(products, categories=rows, images=images, tick=bar)
        with Progress(self.stdout, "Bench users") as bar:
            bench.seed_users(users, tick=bar)
        self.stdout.write(f"  {made:,} of {products:,} products were created.")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)
