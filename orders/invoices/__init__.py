"""Invoices and credit notes, issued by a job of the payment's or refund's transaction."""
