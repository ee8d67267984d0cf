"""Mutation tests of the critical modules.

``python -m shop.dev.testing.mutation [--sample N] [MODULE …]`` changes a copy of the code in one place at a time and
runs the module's tests, which should fail; a change that they do not notice (a survivor) is printed.

The changes are cosmic-ray's. Its own runner cannot sample and leaves the tests running after Ctrl-C.
"""

import argparse
import ast
import contextlib
import difflib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import ClassVar

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from pymongo import MongoClient

from shop.dev import mongod
from shop.dev.interrupts import interrupt_on_signals
from shop.dev.processes import last_lines, spawn

PROJECT = Path(__file__).resolve().parents[3]

# The tests that prove a module, those that fail soonest first.
TESTS = {
    "orders/pricing.py": [
        "orders/tests/test_totals.py",
        "orders/tests/test_states.py",
        "orders/tests/test_pickup.py",
        "orders/tests/test_unsellable.py",
        "orders/tests/test_placing.py",
        "orders/tests/holds",
    ],
    "orders/shipping/pricing.py": ["orders/tests/test_shipping_zones.py", "orders/tests/test_reference.py"],
    "orders/taxes/calculation.py": ["orders/tests/test_tax_classes.py", "orders/tests/test_reference.py"],
    "catalog/stock.py": [
        "catalog/tests/test_stock.py",
        "shop/tests/test_staff_log.py",
        "orders/tests/test_cancelling.py",
    ],
    "orders/transitions.py": [
        "orders/tests/test_lifecycle.py",
        "orders/tests/test_erasure.py",
        "shop/tests/test_staff_log.py",
        "orders/tests/test_valid_purchases.py",
        "orders/tests/mails",
    ],
    "payments/transitions.py": [
        "payments/tests/test_event_order.py",
        "payments/tests/test_mismatches.py",
        "payments/tests/test_declines.py",
        "payments/tests/test_disputes.py",
        "payments/tests/test_webhook.py",
        "payments/tests/test_refunds.py",
        "payments/tests/test_reconciliation.py",
    ],
    "shop/db/transactions.py": [
        "shop/tests/test_transactions.py",
        "shop/tests/test_transactions_over_http.py",
        "shop/tests/test_key_queue.py",
    ],
    "shop/api/idempotency.py": ["shop/tests/test_idempotency.py"],
}

# Each comparison is negated and moved by one; each arithmetic operator is replaced by its inverse.
OPERATORS = re.compile(
    r"core/(AddNot|NumberReplacer|RemoveDecorator|ExceptionReplacer|ZeroIterationForLoop"
    r"|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|ReplaceBreakWithContinue|ReplaceContinueWithBreak|ReplaceUnaryOperator_Delete_\w+"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|Pow_Mul|FloorDiv_Mul|Mod_Mul|BitOr_BitAnd|BitAnd_BitOr)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Is_IsNot|IsNot_Is"
    r"|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt))"
)


@dataclass(frozen=True)
class Mutant:
    line: int
    diff: str
    source: str


def mutants(source: str) -> list[Mutant]:
    """Return the mutants in the order of their lines, without duplicates and those that no test could notice."""
    seen = {_meaning(source)}
    found = []
    for name in filter(OPERATORS.fullmatch, operator_names()):
        operator = get_operator(name)()
        for occurrence in count():
            mutated = mutate_code(source, operator, occurrence)
            if mutated is None:
                break
            meaning = _meaning(mutated)
            if meaning is not None and meaning not in seen:
                seen.add(meaning)
                found.append(_mutant(source, mutated))
    return sorted(found, key=lambda mutant: (mutant.line, mutant.diff))


def _meaning(source: str) -> str | None:
    """Return a text that equivalent code has in common; None if the code has a syntax error."""
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return None
    return ast.dump(_Plain().visit(ast.parse(source)))


class _Plain(ast.NodeTransformer):
    """Remove annotations, kinds of parameters and double negations; write ``not a == b`` as ``a != b``."""

    _NEGATED: ClassVar = {
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
        ast.Is: ast.IsNot,
        ast.IsNot: ast.Is,
        ast.In: ast.NotIn,
        ast.NotIn: ast.In,
        ast.Lt: ast.GtE,
        ast.LtE: ast.Gt,
        ast.Gt: ast.LtE,
        ast.GtE: ast.Lt,
    }

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.AST:
        node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
        node.defaults += [default for default in node.kw_defaults if default is not None]
        node.posonlyargs, node.kwonlyargs, node.kw_defaults = [], [], []
        return self.generic_visit(node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.UnaryOp(ast.Not(), ast.Compare(left, [operator], [right])):
                return ast.Compare(left, [self._NEGATED[type(operator)]()], [right])
            case ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), operand)):
                return operand
        return node


def _mutant(source: str, mutated: str) -> Mutant:
    before, after = source.splitlines(), mutated.splitlines()
    line = next((n for n, (old, new) in enumerate(zip(before, after, strict=False), 1) if old != new), len(before))
    changes = [each for each in difflib.unified_diff(before, after, n=0, lineterm="") if each[:3] not in ("---", "+++")]
    return Mutant(line, "\n".join(each for each in changes if not each.startswith("@@")), mutated)


class Tests:
    """Run tests in ``folder``, a copy of the project."""

    def __init__(self, folder: Path, mongo_uri: str) -> None:
        self.folder, self.mongo_uri = folder, mongo_uri
        self.log = folder / "tests.log"
        self.environment = {**os.environ, "MONGO_URI": mongo_uri, "DEBUG": "1", "PYTHONPATH": str(folder)}
        # Killed tests leave their temporary files there.
        self.environment["TMPDIR"] = str(folder.parent)

    def succeed(self, files: Sequence[str], *, seconds: float | None = None, unchanged: bool = False) -> bool:
        """Return whether the tests pass in ``seconds``."""
        options = ["-x", "-q", "--reuse-db", "-p", "no:cacheprovider", "-m", "not slow and not large and not browser"]
        # Compiled files are compared by whole seconds and by size: two mutants may have both in common.
        environment = self.environment if unchanged else {**self.environment, "PYTHONDONTWRITEBYTECODE": "1"}
        with self.log.open("wb") as output:
            process = spawn(
                [sys.executable, "-m", "pytest", *options, *files], stdout=output, env=environment, folder=self.folder
            )
        try:
            return process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False
        finally:
            if process.poll() is None or process.returncode < 0:
                self._end(process)

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill the tests, and delete what they could not."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        with MongoClient(self.mongo_uri) as client:
            for name in set(client.list_database_names()) - {"admin", "config", "local"}:
                client.drop_database(name)


def survivors(module: str, candidates: Sequence[Mutant], *, tests: Tests) -> Iterator[Mutant]:
    """Yield the mutants that the module's tests do not notice. Raises ``SystemExit`` if the tests fail without any."""
    path = tests.folder / module
    original = path.with_suffix(".original")
    start = time.monotonic()
    if not tests.succeed(TESTS[module], unchanged=True):
        raise SystemExit(f"The tests of {module} fail without a mutant:\n{last_lines(tests.log)}")
    seconds = 20 + 3 * (time.monotonic() - start)
    # With its time stamp, so that its compiled file stays valid.
    shutil.copy2(path, original)
    try:
        for mutant in candidates:
            path.write_text(mutant.source)
            if tests.succeed(TESTS[module], seconds=seconds):
                yield mutant
    finally:
        shutil.copy2(original, path)


def run(modules: Sequence[str], *, sample: int | None, seed: int) -> None:
    scores = [f"{'module':<28}{'mutants':>8}{'killed':>8}{'survived':>10}{'score':>7}"]
    with tempfile.TemporaryDirectory(prefix="shop-mutation-") as parent, mongod.temporary(journaled=False) as database:
        folder = Path(parent, "project")
        shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns(".*", "staticfiles"))
        tests = Tests(folder, database.uri)
        for module in modules:
            found = mutants((folder / module).read_text())
            if sample is not None and sample < len(found):
                found = sorted(random.Random(seed).sample(found, sample), key=lambda mutant: mutant.line)  # noqa: S311
            print(f"{module}: {len(found)} mutants", flush=True)
            survived = 0
            for mutant in survivors(module, found, tests=tests):
                survived += 1
                print(f"{module}:{mutant.line}\n{mutant.diff}", flush=True)
            killed = len(found) - survived
            scores.append(f"{module:<28}{len(found):>8}{killed:>8}{survived:>10}{killed / max(1, len(found)):>7.0%}")
    print("\n".join(scores))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="mutation", description="Run mutation tests of the critical modules.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"{', '.join(TESTS)} (default: all)")
    parser.add_argument("--sample", type=int, metavar="N", help="mutants per module (default: all)")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default: 1)")
    options = parser.parse_args(arguments)
    if unknown := set(options.modules) - TESTS.keys():
        parser.error(f"no tests are listed for {', '.join(sorted(unknown))}")
    try:
        run(options.modules or list(TESTS), sample=options.sample, seed=options.seed)
    except mongod.MongodError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


if __name__ == "__main__":
    interrupt_on_signals()
    sys.exit(main(sys.argv[1:]))
