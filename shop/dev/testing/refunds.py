from orders.refund_entries import DisputeEntry


def opened_dispute(dispute: str) -> DisputeEntry:
    return DisputeEntry(dispute=dispute, status="needs_response", rank=3)
