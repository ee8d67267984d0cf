from collections.abc import Callable

from bson import ObjectId

from catalog.importing.columns import Columns
from catalog.importing.comparison import Comparison
from catalog.importing.formats import Table
from catalog.importing.grouping import group_rows, in_chunks
from catalog.importing.models import ImportRun, ImportStep
from catalog.importing.rows import CellFault, Sheet
from catalog.models import Category

State = ImportRun.State

PRODUCTS_AT_ONCE = 200
FAULTS_KEPT = 500

# Called with the numbers of processed and of all products.
Tick = Callable[[int, int], None]


def build_plan(run: ImportRun, table: Table, *, tick: Tick = lambda done, total: None) -> None:
    """Store changes as steps and set results on ``run``, without saving it. Raises ``FileRefused``."""
    columns = Columns(Category.objects.all())
    sheet = Sheet(table, columns)
    run.plan, run.rows = ObjectId(), len(sheet.rows) + len(sheet.faults)
    add_faults(run, sheet.faults)
    groups = group_rows(sheet)
    comparison = Comparison(sheet, columns)
    done = 0
    for chunk in in_chunks(groups, PRODUCTS_AT_ONCE):
        steps = []
        for step, new, changed in comparison.compare(chunk):
            step.plan, step.number = run.plan, run.steps
            steps.append(step)
            run.steps += 1
            run.new_rows += new
            run.changed_rows += changed
        ImportStep.objects.bulk_create(steps)
        add_faults(run, comparison.pop_faults())
        done += len(chunk)
        tick(done, len(groups))
    run.faults.sort()
    # A file without changes needs no confirmation.
    run.state = State.REFUSED if run.fault_count else State.READY if run.steps else State.DONE


def add_faults(run: ImportRun, faults: list[CellFault]) -> None:
    """Count all faults; keep the first ``FAULTS_KEPT``."""
    run.fault_count += len(faults)
    run.faults += [list(fault) for fault in faults[: FAULTS_KEPT - len(run.faults)]]


def discard(plan_id: ObjectId | None) -> None:
    if plan_id:
        ImportStep.objects.filter(plan=plan_id).delete()
