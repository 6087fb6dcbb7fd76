"""HTML to the plain text of a page, one line a block, ready for the segmenter."""

import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

_BLOCKS = frozenset(
    """
    address article aside blockquote body dd details dialog div dl dt fieldset figcaption figure footer h1 h2 h3 h4 h5
    h6 header hr html li main nav ol p pre section summary table tbody td tfoot th thead tr ul
    """.split()
)
# what a reader never sees as text, and what is furniture by its very tag
_DROPPED = "head, script, style, noscript, template, svg, iframe, object, form, button, select, textarea, nav, footer, [hidden]"
_SPACE = re.compile(r"\s+")


def html_text(html: str) -> str:
    """The text of an HTML page: blocks on lines of their own, white space folded, navigation, forms and scripts left out.

    Never raises: the parser repairs what is broken, as browsers do.
    """
    tree = LexborHTMLParser(html)
    for node in tree.css(_DROPPED):
        node.decompose()
    if tree.body is None:
        return ""
    lines: list[list[str]] = []
    last_block = -1
    for node in tree.body.traverse(include_text=True):
        if node.tag == "br":
            last_block = -1
        elif node.is_text_node:
            text = node.text_content or ""
            block = _block_of(node)
            if block != last_block and text.strip():
                lines.append([])
                last_block = block
            if lines:
                lines[-1].append(text)
    folded = (_SPACE.sub(" ", "".join(parts)).strip() for parts in lines)
    return "\n".join(line for line in folded if line)


def _block_of(node: LexborNode) -> int:
    """Identity of the nearest block element around a text node."""
    parent = node.parent
    while parent is not None and parent.tag not in _BLOCKS:
        parent = parent.parent
    return parent.mem_id if parent is not None else 0
