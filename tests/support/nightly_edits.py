"""Nights of engagement that differ in any way, and all that is to be seen after one."""

from typing import Any

from hypothesis import strategies as st

from customers.models import Engagement, ImportRun, QuarantinedRow, RowChange

Line = tuple[str, str]
"""A line, and its end."""
Edit = tuple[str, int, int]


def edited(lines: list[Line], edit: Edit) -> list[Line]:
    """One more change of a file: what to do, at which place, and a number to vary it."""
    what, place, number = edit
    place %= len(lines) + 1
    before, here, after = lines[:place], lines[place : place + 1], lines[place + 1 :]
    row, end = here[0] if here else (f"e{20 + number},c1,2025-05-01,1,0,0,0,0", "\n")
    cells = row.split(",")
    match what:
        case "insert":
            return [*before, (f"e{9 + number},c1,2025-05-09,{number},0,0,0,0", "\n"), *here, *after]
        case "delete":
            return [*before, *after]
        case "copy":
            other = number % (len(lines) + 1)
            return [*lines[:other], (row, end), *lines[other:]]
        case "swap":
            return [*before, *after[:1], *here, *after[1:]]
        case "blank":
            return [*before, (" " * (number % 2), "\n"), *here, *after]
        case "change":
            row = ",".join([*cells[:-1], f"{number}"])
        case "rename":
            row = ",".join([f"{'eE'[number % 2]}{place + number // 2}", *cells[1:]])
        case "requote":
            row = ",".join([f'"{cells[0]}"', *cells[1:]])
        case "end":
            end = ("\r\n", "\r", "\n")[number % 3]
        case "spoil":
            row = (row + ",0", row.replace("2025", "20x5"), row.replace("c1", "c9"), "," + row, "x")[number % 5]
        case "trim":
            row = (row + " ", " " + row, row + "\u00a0", row.replace(",0", ",00"))[number % 4]
    return [*before, (row, end), *after]


ORDINARY = ("change", "insert", "delete", "swap", "spoil", "trim", "rename", "blank", "copy")
edits = st.tuples(st.sampled_from([*ORDINARY * 3, "end", "requote"]), st.integers(0, 9), st.integers(0, 9))


def everything(outcome: dict[str, Any]) -> dict[str, Any]:
    """The outcome and every row that it may have to do with; a run is told by its number from 0."""
    numbers = {pk: place for place, pk in enumerate(ImportRun.objects.order_by("pk").values_list("pk", flat=True))}
    runs = {None: None, **numbers}

    def rows(model: Any, *without: str) -> list[dict[str, Any]]:
        found = [
            {
                name: runs[value] if name in {"run_id", "resolved_by_id"} else value
                for name, value in row.items()
                if name not in without
            }
            for row in model.objects.order_by("pk").values()
        ]
        for row in found:
            for image in (row.get("before"), row.get("after")):
                if image:
                    image["run_id"] = runs[image["run_id"]]
        return sorted(found, key=lambda row: (row.get("run_id", 0), row.get("line") or 0, str(row.get("key"))))

    return {
        "outcome": {**outcome, "run": runs[outcome["run"]]},
        "rows": rows(Engagement),
        "quarantine": rows(QuarantinedRow, "id"),
        "journal": rows(RowChange, "id"),
        "runs": rows(ImportRun, "id", "started_at", "finished_at"),
    }
