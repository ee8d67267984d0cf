"""The container image, without a container engine: its files, its build steps and what its processes import."""

import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from django.conf import settings
from kubernetes_validate import validate
from packaging.requirements import Requirement

from shop import probe
from shop.dev.mongod import free_port
from shop.dev.testing.environment import ENVIRONMENT, production

ROOT = Path(settings.BASE_DIR)
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DEPLOY = ROOT / "docs" / "deploy"
# Imports what a server process and a worker do.
PROCESSES = """
import django
django.setup()
from django.core.management import call_command
call_command("check", deploy=True, fail_level="WARNING")
import shop.http.rsgi, shop.management.commands.serve, shop.management.commands.worker, shop.urls
print("started")
"""
# Run by Python when it starts.
SITE = """
import sys
class Missing:
    @staticmethod
    def find_spec(name, *others):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(f"not in requirements.txt: {{name}}", name=name)
sys.meta_path.insert(0, Missing)
"""


# --- The build --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_image_runs_with_only_what_the_dockerfile_copies_and_installs(tmp_path: Path) -> None:
    folder, site = tmp_path / "image", tmp_path / "site"
    copy_build_context(folder)
    assert not (folder / "shop" / "dev").exists()
    assert not list(folder.rglob("tests"))
    installed = production_distributions()
    missing = {
        module
        for module, names in packages_distributions().items()
        if not {normalised(name) for name in names} & installed
    }
    assert {"pytest", "fiftyone"} <= missing
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(missing=missing))

    (collect,) = re.findall(r"python (manage\.py collectstatic .*)", DOCKERFILE)
    run(folder, *collect.split(), PYTHONPATH=str(site))
    assert list((folder / "staticfiles" / "shop").glob("admin.*.css.gz"))

    environment = {name: value for name, value in production().items() if name in {*ENVIRONMENT, "MONGO_URI"}}
    settings_of = {"DJANGO_SETTINGS_MODULE": "shop.settings", "PYTHONPATH": str(site)}
    assert run(folder, "-c", PROCESSES, **settings_of, **environment).endswith("started\n")


def copy_build_context(folder: Path) -> None:
    """Copy what ``COPY`` names in the last stage, without what ``.dockerignore`` excludes."""
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    last_stage = DOCKERFILE.rpartition("\nFROM ")[2]
    for source, target in re.findall(r"^COPY (?!--from)(\S+) (\S+)$", last_stage, re.MULTILINE):
        assert target in ("./", f"./{source}")
        for path in [ROOT / source, *(ROOT / source).rglob("*")]:
            name = path.relative_to(ROOT)
            if path.is_file() and not is_excluded(name, rules):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, folder / name)


def is_excluded(name: Path, rules: list[str]) -> bool:
    """The last rule that matches the file or one of its folders decides."""
    excluded = False
    for rule in rules:
        pattern = re.escape(rule.removeprefix("!")).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
        if any(re.fullmatch(pattern, each.as_posix()) for each in [name, *name.parents]):
            excluded = not rule.startswith("!")
    return excluded


def run(folder: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"HOME": str(folder), "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def production_distributions() -> set[str]:
    """Return what `pip install -r requirements.txt` installs, dependencies included."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    waiting = [Requirement(line.partition("#")[0]) for line in lines if line.partition("#")[0].strip()]
    found: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = normalised(requirement.name)
        if name in found:
            continue
        found.add(name)
        try:
            needed = [Requirement(each) for each in requires(name) or []]
        except PackageNotFoundError:
            continue
        extras = requirement.extras or {""}
        waiting += [
            each for each in needed if each.marker is None or any(each.marker.evaluate({"extra": e}) for e in extras)
        ]
    return found


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


# --- Probes -----------------------------------------------------------------------------------------------------------


def test_the_probes_fail_without_a_server_and_without_a_recent_round_of_the_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", str(free_port()))
    assert probe.main("web") == 1
    monkeypatch.delenv("WORKER_HEALTH_FILE", raising=False)
    assert probe.main("worker") == 1
    health = tmp_path / "worker.health"
    monkeypatch.setenv("WORKER_HEALTH_FILE", str(health))
    assert probe.main("worker") == 1
    health.touch()
    assert probe.main("worker") == 0
    long_ago = health.stat().st_mtime - probe.WORKER_SECONDS - 1
    os.utime(health, (long_ago, long_ago))
    assert probe.main("worker") == 1
    assert probe.main("elsewhere") == 2


# --- Compose, Kubernetes, systemd -------------------------------------------------------------------------------------


def test_the_stack_has_what_the_shop_needs_and_exposes_only_the_proxy() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    assert set(services) == {"migrate", "web", "worker", "proxy", "mongo", "redis"}
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    for name in ("web", "worker"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > 25
    for path in re.findall(r"- \./(\S+?):", (ROOT / "compose.yaml").read_text()):
        assert (ROOT / path).is_file()
    needed = set(re.findall(r"\$\{([A-Z_]+):\?\}", (ROOT / "compose.yaml").read_text()))
    assert needed == set(re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose.env.example").read_text(), re.MULTILINE))


MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def test_the_manifests_are_valid_and_cover_the_required_settings() -> None:
    kinds: set[str] = set()
    given: set[str] = set()
    for path in MANIFESTS:
        for document in yaml.safe_load_all(path.read_text()):
            if document["kind"] == "Kustomization":
                assert set(document["resources"]) < {each.name for each in MANIFESTS}
                given |= {each.split("=")[0] for each in document["configMapGenerator"][0]["literals"]}
                continue
            validate(document, "1.37", strict=True)
            kinds.add(document["kind"])
            given |= set(document.get("stringData", ()))
    assert kinds == {
        "Deployment",
        "HorizontalPodAutoscaler",
        "Ingress",
        "Job",
        "PodDisruptionBudget",
        "Secret",
        "Service",
    }
    required = set(re.findall(r"^([A-Z_]+)=$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert required <= given


def test_the_units_run_commands_of_the_shop_with_the_same_limits() -> None:
    hardening = set()
    for name, command in {"web": "serve", "worker": "worker", "migrate": "migrate"}.items():
        unit = (DEPLOY / "systemd" / f"shop-{name}.service").read_text()
        assert f"ExecStart=/srv/shop/.venv/bin/python manage.py {command}\n" in unit
        hardening.add(tuple(re.findall(r"^(?:Protect|Private|Restrict|NoNew|System|Capab).*$", unit, re.MULTILINE)))
    assert len(hardening) == 1
