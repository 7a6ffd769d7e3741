"""``28. Nov. 2026, 17:34``, as the Duden shortens months; the rest is Django's."""

DATE_FORMAT = SHORT_DATE_FORMAT = "j. N Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = SHORT_DATETIME_FORMAT = "j. N Y, H:i"
SECONDS_FORMAT = "j. N Y, H:i:s"
YEAR_MONTH_FORMAT = "N Y"
MONTH_DAY_FORMAT = "j. N"
FIRST_DAY_OF_WEEK = 1
# The first one is how a form writes what it has, and a browser's date fields take no other.
DATE_INPUT_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y"]
DATETIME_INPUT_FORMATS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M"]
