import json
from typing import Any

from django.core.management import BaseCommand, CommandError, CommandParser
from drf_spectacular.generators import SchemaGenerator

from shop.dev import contract
from shop.dev.contract.comparison import breaking_changes
from shop.dev.contract.validation import errors_in


class Command(BaseCommand):
    help = "Validate the OpenAPI description, and compare it with the last release: what would break its clients."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--release", action="store_true", help="Store today's description as that of the release.")

    def handle(self, *args: Any, release: bool, **options: Any) -> None:
        description = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
        if errors := errors_in(description):
            raise CommandError("The OpenAPI description is invalid:\n" + "\n".join(errors))
        if release:
            contract.write_released(description)
            self.stdout.write(f"{contract.RELEASED.name} is today's description. Empty {contract.ACCEPTED.name}.")
            return
        changes = breaking_changes(contract.read_released(), contract.summary_of(description))
        if broken := contract.unaccepted(changes):
            raise CommandError(
                "Clients of the last release break:\n  " + "\n  ".join(broken) + "\nUndo this, or add the lines to "
                f"shop/dev/contract/{contract.ACCEPTED.name} with the reason."
            )
        operations = sum(map(len, description["paths"].values()))
        self.stdout.write(
            f"The API's description is valid, {operations} operations; nothing of the last release broke."
        )
