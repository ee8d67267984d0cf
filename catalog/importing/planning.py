from collections.abc import Callable
from dataclasses import dataclass, field

from bson import ObjectId

from catalog.importing.columns import Columns
from catalog.importing.comparison import Comparison
from catalog.importing.formats import Table
from catalog.importing.grouping import group_rows, in_portions
from catalog.importing.models import ImportStep
from catalog.importing.rows import CellFault, Sheet
from catalog.models import Category

PRODUCTS_AT_ONCE = 200
FAULTS_KEPT = 500

# Called with the numbers of processed and of all products.
Tick = Callable[[int, int], None]


@dataclass
class Plan:
    id: ObjectId = field(default_factory=ObjectId)
    steps: int = 0
    rows: int = 0
    new_rows: int = 0
    changed_rows: int = 0
    # Only the first ones.
    faults: list[CellFault] = field(default_factory=list)
    fault_count: int = 0

    def add_faults(self, faults: list[CellFault]) -> None:
        self.fault_count += len(faults)
        self.faults += faults[: FAULTS_KEPT - len(self.faults)]


def build_plan(table: Table, *, tick: Tick = lambda done, total: None) -> Plan:
    """Store changes as steps, without writing to the catalog. Raises ``FileRefused``."""
    columns = Columns(Category.objects.all())
    sheet = Sheet(table, columns)
    plan = Plan(rows=len(sheet.rows) + len(sheet.faults))
    plan.add_faults(sheet.faults)
    groups = group_rows(sheet)
    comparison = Comparison(sheet, columns)
    done = 0
    for portion in in_portions(groups, PRODUCTS_AT_ONCE):
        steps = []
        for step, new, changed in comparison.compare(portion):
            step.plan, step.number = plan.id, plan.steps
            steps.append(step)
            plan.steps += 1
            plan.new_rows += new
            plan.changed_rows += changed
        ImportStep.objects.bulk_create(steps)
        plan.add_faults(comparison.take_faults())
        done += len(portion)
        tick(done, len(groups))
    plan.faults.sort()
    return plan


def discard(plan_id: ObjectId | None) -> None:
    if plan_id:
        ImportStep.objects.filter(plan=plan_id).delete()
