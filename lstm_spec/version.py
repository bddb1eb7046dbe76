"""The versions of the specification and of the suite, and the day of each: nothing else says them by hand."""

SPECIFICATION = "1.0"
SPECIFICATION_DATE = "2026-11-30"
SUITE = "0.1.0"
SUITE_DATE = "2026-11-30"
