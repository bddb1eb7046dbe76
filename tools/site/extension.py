"""What the site needs of Sphinx beside its extensions: MathML, and anchors of clauses in their own letters."""

import re
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_parser.slugs import github_slugify
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

CLAUSE = re.compile(r"[A-Z]+-\d+\b")


def make_slug(title: str) -> str:
    """The anchor of a heading: the id of a clause if it begins with one, and otherwise that of GitHub."""
    found = CLAUSE.match(title)
    return found[0] if found else github_slugify(title)


class AnchorClauses(SphinxTransform):
    """Makes the id of a clause the only anchor of its section; docutils would write it in small letters."""

    default_priority = 400  # before labels and titles are collected

    def apply(self, **kwargs: Any) -> None:
        """Rename the anchors of this page."""
        slugs = self.env.metadata[self.env.docname].get("myst_slugs", {})
        for section in self.document.findall(nodes.section):
            slug = section.get("slug", "")
            if CLAUSE.fullmatch(slug):
                section["ids"] = [slug]
                line, _, text = slugs[slug]
                slugs[slug] = (line, slug, text)


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write mathematics in a line of text as MathML."""
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def write_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write mathematics on a line of its own as MathML."""
    writer.body.append(f'<div class="equation" tabindex="0">{tex2mathml(node.astext(), as_block=True)}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
    app.add_transform(AnchorClauses)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
