"""The members of the worklist, kept as columns, are the list that they were made of."""

import pickle

from hypothesis import given
from hypothesis import strategies as st

from analytics.my_day.members import WorkMember, WorkMembers

MEMBERS = st.lists(
    st.builds(
        WorkMember,
        customer=st.text(max_size=5),
        snapshot=st.integers(1, 2**62),
        severity=st.integers(0, 5),
        score=st.integers(0, 100),
        alert=st.integers(0, 3),
    ),
    unique_by=(lambda one: one.customer, lambda one: one.snapshot),
)


def test_the_worst_reason_stands_first_then_the_worst_alert_then_the_lowest_score() -> None:
    by_risk, by_risk_too = WorkMember("c1", 1, 1, 50), WorkMember("c2", 2, 1, 20)
    by_alert, by_worse_alert = WorkMember("c3", 3, 4, 10, 2), WorkMember("c4", 4, 4, 90, 1)
    found = WorkMembers([by_alert, by_risk, by_worse_alert, by_risk_too])
    assert [*found] == [by_risk_too, by_risk, by_worse_alert, by_alert]
    assert (found[0], found[-1], found[1:3]) == (by_risk_too, by_alert, [by_risk, by_worse_alert])
    assert (found.of("c4"), found.of("c9")) == ([by_worse_alert], [])


@given(members=MEMBERS)
def test_nothing_is_lost_by_way_of_the_cache(members: list[WorkMember]) -> None:
    found: WorkMembers = pickle.loads(pickle.dumps(WorkMembers(members)))  # noqa: S301  # its own bytes
    assert len(found) == len(members)
    assert {*found} == {*members}
    assert {*found[:]} == {*members}
