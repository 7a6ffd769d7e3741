"""Find anything: customers, pages, reports, tasks and actions by a few letters."""
