"""Clients of the API that are generated from its OpenAPI description, and tested against a running shop."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from drf_spectacular.generators import SchemaGenerator

TYPESCRIPT = Path(__file__).parent / "typescript"
TYPES = TYPESCRIPT / "src" / "schema.d.ts"
_SECONDS = 300


def missing() -> str:
    """Return why the TypeScript client cannot be built, or ""."""
    if not shutil.which("node") or not shutil.which("npm"):
        return "Node.js is not installed."
    if not (TYPESCRIPT / "node_modules").is_dir():
        return "The packages are not installed: `make clients` installs them."
    return ""


def npm(*arguments: str, **environment: str) -> str:
    """Run npm in the client's folder; return what it prints. Raises ``CalledProcessError``."""
    done = subprocess.run(  # noqa: S603
        ["npm", *arguments],  # noqa: S607
        cwd=TYPESCRIPT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=_SECONDS,
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n")
    done.check_returncode()
    return done.stdout


def write_description() -> Path:
    """Write the OpenAPI description that clients are generated from."""
    path = TYPESCRIPT / "generated" / "openapi.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(SchemaGenerator().get_schema(request=None, public=True)))
    return path


def build() -> None:
    """Generate and compile the clients, with the programs that must not compile."""
    write_description()
    npm("run", "--silent", "generate")
    npm("run", "--silent", "build")
