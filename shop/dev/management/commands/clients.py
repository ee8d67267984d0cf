import subprocess
from typing import Any

from django.core.management import BaseCommand, CommandError

from shop.dev import clients


class Command(BaseCommand):
    help = "Generate and compile the TypeScript clients of the API, and lint its OpenAPI description."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        if reason := clients.missing():
            raise CommandError(reason)
        try:
            clients.build()
            clients.npm("run", "--silent", "lint")
        except subprocess.CalledProcessError as error:
            raise CommandError("The client does not compile, see above.") from error
        self.stdout.write(f"Compiled to {clients.TYPESCRIPT / 'build'}; the types are in {clients.TYPES}.")
