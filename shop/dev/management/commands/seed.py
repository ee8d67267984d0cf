import argparse
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandError

from accounts.models import User
from orders.models import Order
from orders.reports.totals import mark_all_days
from shop.dev.demo import bench, history, seeding
from shop.dev.demo.products import PRODUCTS
from shop.management.progress import Progress


class Command(BaseCommand):
    help = (
        "Fill the shop with demo products, pictures, shipping, taxes, coupons and people; or with --products N with a "
        "catalog for benchmarks; or with --orders N with two years of trading. Existing data is kept."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--products",
            type=_count,
            help="number of products of the benchmark catalog, or with --orders of the shop (0.4 per order)",
        )
        parser.add_argument("--orders", type=_count, help="number of orders of a shop with two years of trading")
        parser.add_argument("--seed", type=_count, default=0, help="with --orders: another seed makes other orders (0)")
        parser.add_argument("--categories", type=_count, help="categories of the benchmark catalog (20)")
        parser.add_argument("--images", type=_count, help="images of each of its products (3); names, no files")
        parser.add_argument("--users", type=_count, help="its users, each with a cart of three lines (50)")

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = {name: options[name] for name in ("products", "categories", "images", "users")}
        given = {name: size for name, size in sizes.items() if size is not None}
        if options["orders"] is not None:
            if given.keys() - {"products"}:
                raise CommandError("--categories, --images and --users do not apply to a shop with --orders.")
            self._seed_history(options["orders"], products=options["products"], seed=options["seed"])
        elif not given:
            self._seed_demo()
        elif "products" in given:
            self._seed_bench(**given)
        else:
            raise CommandError("--categories, --images and --users apply to the benchmark catalog: add --products.")

    def _seed_demo(self) -> None:
        if not settings.DEBUG:
            raise CommandError("The demo creates accounts with public passwords, so `manage.py seed` needs DEBUG=1.")
        made = seeding.seed_terms() + seeding.seed_people() + seeding.seed_categories() + seeding.seed_promotions()
        with Progress(self.stdout, "Demo products") as bar:
            made += seeding.seed_products(PRODUCTS, tick=bar)
        made += seeding.seed_collections() + seeding.seed_sale()
        with Progress(self.stdout, "Demo pictures") as bar:
            made += seeding.seed_pictures(PRODUCTS, tick=bar)
        made += seeding.seed_collection_pictures()
        self.stdout.write(
            f"  Demo data created: {len(PRODUCTS)} products."
            if made
            else "  Demo data is complete; nothing was changed."
        )

    def _seed_history(self, orders: int, *, products: int | None, seed: int) -> None:
        if not settings.DEBUG:
            raise CommandError("The customers have a public password, so `manage.py seed --orders` needs DEBUG=1.")
        try:
            sizes = history.Sizes.of_shop(orders, products=products)
            history.require_empty()
        except (ValueError, history.NotEmpty) as error:
            raise CommandError(str(error)) from error
        seeding.seed_terms()
        seeding.seed_people()
        seeding.seed_categories()
        written = history.seed_history(
            sizes, seed=seed, bar=lambda title: Progress(self.stdout, title, per_second=True)
        )
        mark_all_days()
        for model, rows in sorted(written.items(), key=lambda each: -each[1]):
            self.stdout.write(f"  {rows:>12,} {model._meta.verbose_name_plural}")
        regular = User.objects.get(email=history.REGULAR)
        self.stdout.write(
            f"  {history.REGULAR} has {Order.objects.owned_by(regular).count():,} orders; "
            f"the password of all customers is {history.PASSWORD}"
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
