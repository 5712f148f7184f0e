"""Times, spans and rules of pendulum, arrow and dateutil."""

import datetime

import arrow
import dateutil.relativedelta
import dateutil.rrule
import dateutil.tz
import pendulum

when = pendulum.datetime(2024, 3, 31, 1, 30, tz="Europe/Oslo")
span = pendulum.duration(years=1, months=2, days=3, hours=4)
zone = pendulum.timezone("America/New_York")
interval = pendulum.datetime(2024, 1, 1) - pendulum.datetime(2023, 6, 15)
start = arrow.get("2024-02-29T12:00:00+01:00")
delta = dateutil.relativedelta.relativedelta(months=+1, weekday=dateutil.relativedelta.FR(-1))
rule = dateutil.rrule.rrule(dateutil.rrule.WEEKLY, count=3, dtstart=datetime.datetime(2024, 1, 1), byweekday=(0, 2))
local = datetime.datetime(2024, 7, 1, 12, tzinfo=dateutil.tz.gettz("Asia/Tokyo"))

CHECKS = {
    "when": "type(when).__name__, when.isoformat(), when.add(hours=1).isoformat(), when.timezone_name",
    "span": "span.years, span.in_words(), (pendulum.datetime(2024, 1, 1) + span).isoformat()",
    "zone": "zone.name, pendulum.datetime(2024, 7, 1, tz=zone).isoformat()",
    "interval": "interval.in_days(), interval.months, interval.start.isoformat()",
    "start": "type(start).__name__, start.isoformat(), start.shift(years=1).isoformat(), start.timestamp()",
    "delta": "(datetime.datetime(2024, 1, 31) + delta).isoformat(), delta.months, repr(delta.weekday)",
    "rule": "str(rule), [one.isoformat() for one in rule]",
    "local": "local.isoformat(), local.tzname(), str(local.tzinfo)",
}
