from shop import jobs


def run_due_tasks() -> int:
    """Run all slices of the tasks that are due; return their number."""
    slices = 0
    while jobs.run_next_task():
        slices += 1
    return slices
