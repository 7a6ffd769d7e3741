"""Find anything: customers, pages, reports, boards, tasks and actions by a few letters."""
