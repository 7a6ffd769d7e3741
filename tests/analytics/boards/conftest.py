"""The night, the people and the customers of the tests of boards: those of the reports that boards are made of."""

from tests.analytics.reports import conftest as reports

mira, night, two, zoe = reports.mira, reports.night, reports.two, reports.zoe
