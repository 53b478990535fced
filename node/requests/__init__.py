"""Requests for data (供需对接): asked, answered under a clock, granted with purpose and period, fetched page by page, revoked."""
