"""How Sphinx builds the site: `python -m tools.site` puts this file beside the pages, and runs Sphinx in the root."""

from lstm_spec import SPECIFICATION

project = "LSTM Specification"
author = "The lstm-spec contributors"
copyright = author
version = release = SPECIFICATION
language = "en"

extensions = ["myst_parser", "sphinxcontrib.bibtex", "tools.site.extension"]
nitpicky = True
exclude_patterns = ["paper.md"]  # the first page of the PDF
html_math_renderer = "mathml"
bibtex_bibfiles = ["references.bib"]
bibtex_reference_style = "author_year"
bibtex_default_style = "unsrt"

myst_enable_extensions = ["attrs_block", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 6
myst_heading_slug_func = "tools.site.extension.make_slug"
myst_dmath_allow_labels = False
myst_fence_as_directive = ["math"]  # as code hosts write it

html_theme = "furo"
html_title = f"LSTM Specification {SPECIFICATION}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_copy_source = False
html_show_sphinx = False
html_last_updated_fmt = None  # the same sources give the same pages
pygments_style = "default"
pygments_dark_style = "github-dark"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b5394", "color-brand-content": "#0b5394"},
    "dark_css_variables": {"color-brand-primary": "#7ab8f5", "color-brand-content": "#7ab8f5"},
}
