"""What the site needs of Sphinx beside its extensions: MathML, and anchors of clauses in their own letters."""

import re
from functools import reduce
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from myst_parser.slugs import github_slugify
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx.writers.html5 import HTML5Translator

# an index or a power in running text, as in h_{t−1}, dz_k, u_acc, f^n or (1 + u)^n
RAISED = re.compile(
    r"(?:(?<!\w)(?P<base>eta|d?[^\W\d_]\u0302?|d\u0302[^\W\d_])_|(?<=[\w)])(?P<power>\^))(?P<mark>\{[^}]+\}|\w{1,3}\b)"
)
VERBATIM = (nodes.literal, nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.title, nodes.comment)
CLAUSE = re.compile(r"[A-Z]+-\d+\b")
CLOSER = (
    ('<mo class="mathopen">|</mo>', '<mo form="prefix" stretchy="false">|</mo>'),
    ("<mo>‖</mo>", '<mo stretchy="false">‖</mo>'),
    ("<mo>|</mo>", '<mo form="postfix" stretchy="false">|</mo>'),
    *((f"<mo>{name}</mo>", f'<mo lspace="0.17em" rspace="0">{name}</mo>') for name in ("max", "min")),
)
TAG = re.compile(r"\s*\\tag\{(\w+)\}")  # the number of a formula, which becomes its anchor


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


class RaiseMarks(SphinxTransform):
    """Sets indices and powers in running text below and above the line."""

    default_priority = 410

    def apply(self, **kwargs: Any) -> None:
        """Replace the texts of this page that have any."""
        for text in list(self.document.findall(nodes.Text)):
            if RAISED.search(text) and not has_verbatim_parent(text):
                text.parent.replace(text, raise_marks(str(text)))


def has_verbatim_parent(node: nodes.Node) -> bool:
    """Whether the node stands in code, mathematics or a title."""
    return node.parent is not None and (isinstance(node.parent, VERBATIM) or has_verbatim_parent(node.parent))


def raise_marks(text: str) -> list[nodes.Node]:
    """The parts of a text, with its indices and powers as nodes."""
    parts: list[nodes.Node] = []
    end = 0
    for found in RAISED.finditer(text):
        kind = nodes.superscript if found["power"] else nodes.subscript
        mark = found["mark"].strip("{}")
        parts += [nodes.Text(text[end : found.start()] + (found["base"] or "")), kind(mark, mark)]
        end = found.end()
    return [*parts, nodes.Text(text[end:])]


def write_inline(writer: HTML5Translator, node: nodes.math) -> None:
    """Write mathematics in a line of text as MathML."""
    writer.body.append(write_mathml(node.astext()))
    raise nodes.SkipNode


def write_block(writer: HTML5Translator, node: nodes.math_block) -> None:
    """Write mathematics on a line of its own as MathML, with its number beside it."""
    tag = TAG.search(node.astext())
    equation = f'<div class="equation" tabindex="0">{write_mathml(TAG.sub("", node.astext()), as_block=True)}</div>'
    number = f'<div class="numbered" id="{tag[1]}">{equation}<span>({tag[1]})</span></div>' if tag else equation
    writer.body.append(f"{number}\n")
    raise nodes.SkipNode


def write_mathml(tex: str, as_block: bool = False) -> str:
    """The mathematics as MathML, in which bars and names of functions stand close to what they belong to."""
    text = str(tex2mathml(tex, as_block=as_block))
    return reduce(lambda written, change: written.replace(*change), CLOSER, text)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of it."""
    app.add_html_math_renderer("mathml", (write_inline, None), (write_block, None))
    app.add_transform(AnchorClauses)
    app.add_transform(RaiseMarks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
