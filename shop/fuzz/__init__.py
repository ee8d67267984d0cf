"""Requests drawn from the API's own description against the real shop over HTTP: ``manage.py fuzz``.

`furnishing` is what stands in the shop, `people` who asks, `scene` what is set right before a request, `checks` what
every answer must be and where that is narrowed, `examining` the requests themselves, `tally` what came of them,
`running` one run, `report` the tables on the terminal and in ``docs/security.md``.
"""
