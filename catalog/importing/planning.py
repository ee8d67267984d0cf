from collections.abc import Callable, Sequence

from bson import ObjectId

from catalog.importing.columns import Columns
from catalog.importing.comparison import MAX_VARIANTS, Comparison
from catalog.importing.formats import Table
from catalog.importing.grouping import in_batches, stage
from catalog.importing.models import ImportRun, ImportStep
from catalog.importing.rows import CellFault, Sheet
from catalog.importing.staging import StagedRows
from catalog.models import Category
from shop.db import documents

State = ImportRun.State

FAULTS_KEPT = 500

# Called with the numbers of processed and of all products; the latter is 0 while the file is read.
Tick = Callable[[int, int], None]


def build_plan(run: ImportRun, table: Table, *, tick: Tick = lambda done, total: None) -> None:
    """Store changes as steps and set results on ``run``, without saving it. Raises ``FileRefused``."""
    columns = Columns(Category.objects.all())
    sheet = Sheet(table, columns)
    run.plan = ObjectId()
    with StagedRows() as staged:
        for read, faults in stage(sheet, staged):
            if run.rows:
                tick(run.rows, 0)
            run.rows += read
            add_faults(run, faults)
        comparison = Comparison(sheet, columns, earlier_slugs=staged.earlier_slugs)
        done, total = 0, staged.group()
        for products in in_batches(staged.products(most_rows=MAX_VARIANTS + 1)):
            steps = []
            for step, new, changed in comparison.compare(products):
                step.plan, step.number = run.plan, run.steps
                steps.append(step)
                run.steps += 1
                run.new_rows += new
                run.changed_rows += changed
            documents.insert(*steps)
            add_faults(run, comparison.pop_faults())
            done += len(products)
            tick(done, total)
    run.faults.sort()
    # A file without changes needs no confirmation.
    run.state = State.REFUSED if run.fault_count else State.READY if run.steps else State.DONE


def add_faults(run: ImportRun, faults: Sequence[CellFault]) -> None:
    """Count all faults; keep the first ``FAULTS_KEPT``."""
    run.fault_count += len(faults)
    run.faults += [list(fault[:3]) for fault in faults[: FAULTS_KEPT - len(run.faults)]]


def discard(plan_id: ObjectId | None) -> None:
    if plan_id:
        ImportStep.objects.filter(plan=plan_id).delete()
