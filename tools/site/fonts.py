"""The font of the mathematics: STIX Two Math of a package, reduced to the characters that equations have."""

from importlib.resources import files
from io import BytesIO
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

ASCII, GREEK, OPERATORS = range(0x20, 0x7F), range(0x391, 0x3CA), range(0x2200, 0x2300)
ITALIC = range(0x1D400, 0x1D7CB)  # the letters that a browser takes for `mi`
SIGNS = (0x2032, 0x2016, 0x2061, 0x210E, 0x22C5, 0xB7, 0xD7, 0x2212)


def write_font(path: Path) -> None:
    """Write the font as WOFF2, with its table of mathematics."""
    font = TTFont(
        BytesIO(files("ziamath.fonts").joinpath("STIXTwoMath-Regular.ttf").read_bytes()), recalcTimestamp=False
    )
    options = Options()
    options.flavor, options.layout_features = "woff2", ["ssty", "flac", "dtls"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=[*ASCII, *GREEK, *OPERATORS, *ITALIC, *SIGNS])
    subsetter.subset(font)
    font.flavor = "woff2"
    path.parent.mkdir(parents=True, exist_ok=True)
    font.save(path)
