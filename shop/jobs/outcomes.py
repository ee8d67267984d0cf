from prometheus_client import Counter

RUNS = Counter("shop_job_runs", "Runs of jobs by kind and outcome: done, failed.", ["kind", "outcome"])
