"""A badge: a small picture that says in a word whether the LSTMs of a report conform."""

import html

from conformance.report.statement import CONFORMS, DOES_NOT_CONFORM, NO_FAULT, NOT_JUDGED
from conformance.report.stored.read import Data
from conformance.text import clean_line

LABEL, LABEL_LENGTH = "LSTM", 30
COLOURS = {  # white text has a contrast above 5
    CONFORMS: "#1a7f37",
    DOES_NOT_CONFORM: "#b3261e",
    NO_FAULT: "#0b5c8f",
    NOT_JUDGED: "#57606a",
}
LETTER = 6.3  # px, of 11 px text; the text is stretched to what is reckoned here, so that no font spoils it
MARGIN = 8
MOST_TARGETS = 20  # whose statements are in the title

PICTURE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" viewBox="0 0 {width} 20" \
role="img" aria-labelledby="lstm-title">
<title id="lstm-title">{title}</title>
<rect width="{width}" height="20" rx="3" fill="{colour}"/>
<path d="M3 0h{inner}v20h-{inner}a3 3 0 0 1-3-3v-14a3 3 0 0 1 3-3z" fill="#24292f"/>
<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="11">
<text x="{margin}" y="14" textLength="{label_length}" lengthAdjust="spacingAndGlyphs">{label}</text>
<text x="{start}" y="14" textLength="{length}" lengthAdjust="spacingAndGlyphs">{message}</text>
</g>
</svg>
"""


def draw_badge(report: Data) -> str:
    """The badge of a report as SVG; its title has the statements."""
    conclusion, message = summarize_report(report)
    left, length = LABEL_LENGTH + 2 * MARGIN, round(len(message) * LETTER)
    return PICTURE.format(
        width=left + length + 2 * MARGIN,
        inner=left - 3,
        margin=MARGIN,
        start=left + MARGIN,
        label=LABEL,
        label_length=LABEL_LENGTH,
        length=length,
        colour=COLOURS[conclusion],
        message=html.escape(message),
        title=html.escape(_write_title(report, message)),
    )


def summarize_report(report: Data) -> tuple[str, str]:
    """The conclusion on all targets, and what the badge says: the worst of them counts."""
    found = [target["conclusion"] for target in report["targets"]]
    if DOES_NOT_CONFORM in found:
        return DOES_NOT_CONFORM, DOES_NOT_CONFORM
    if report["unavailable"] or NOT_JUDGED in found or not found:
        return NOT_JUDGED, NOT_JUDGED
    if NO_FAULT in found:
        return NO_FAULT, NO_FAULT
    return CONFORMS, CONFORMS + _name_grades(report["targets"])


def _name_grades(targets: list[Data]) -> str:
    """The grades at which they conform, and the number of declared deviations."""
    grades = dict.fromkeys(clean_line(grade, 20) for target in targets for grade in target["conforms_at"].values())
    named = ", ".join(grades) if len(grades) <= 4 else f"{len(grades)} grades"
    is_other = any(target["passes_at"] for target in targets)
    declared = sum(deviation["judged"] for target in targets for deviation in target["deviations"])
    noun = "deviation" if declared == 1 else "deviations"
    return f" at grade {named}" * is_other + f" ({named})" * (not is_other) + f", {declared} {noun}" * bool(declared)


def _write_title(report: Data, message: str) -> str:
    """For who hears it, or stays on it with a pointer."""
    said = [clean_line(f"{target['name']} {target['statement']}", 500) for target in report["targets"]]
    said += [clean_line(f"{one['name']} is not judged: {one['reason']}", 500) for one in report["unavailable"]]
    more = [f"and {len(said) - MOST_TARGETS} more"] if len(said) > MOST_TARGETS else []
    return "; ".join([f"{LABEL}: {message}", *said[:MOST_TARGETS], *more])
