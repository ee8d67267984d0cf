import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import BaseCommand, CommandParser
from drf_spectacular.generators import SchemaGenerator

from shop.dev.postman.bruno import write_bruno
from shop.dev.postman.collection import collection_of, environment

FOLDER = settings.BASE_DIR / "docs" / "postman"


class Command(BaseCommand):
    help = "Write the Postman collection of the API and its environment to docs/postman; with --bruno that of Bruno."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=Path, default=FOLDER, help="folder of the collection and the environment")
        parser.add_argument("--bruno", type=Path, help="new or empty folder for a collection of Bruno")

    def handle(self, *args: Any, to: Path, bruno: Path | None, **options: Any) -> None:
        description = json.loads(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
        to.mkdir(parents=True, exist_ok=True)
        files = {"collection": collection_of(description), "environment": environment()}
        for kind, content in files.items():
            path = to / f"shop.postman_{kind}.json"
            path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            self.stdout.write(f"{path}, {path.stat().st_size // 1000} kB")
        if bruno:
            self.stdout.write(f"{bruno}, {write_bruno(bruno, description)} requests")
