"""Readers of the views' formats that take no more than what we write: whatever a name slips in is a failure.

SVG with no element or attribute but ours, DOT by a tokenizer, JSON without repeated keys, folded stacks line by line.
"""

import json
import re
import xml.etree.ElementTree

ELEMENTS = {
    "svg": {"width", "height", "viewBox", "font-family", "font-size"},
    "rect": {"x", "y", "width", "height", "fill", "rx"},
    "text": {"x", "y", "font-size", "font-family"},
    "g": set(),
    "title": set(),
}
NUMBERS = re.compile(r"[0-9.%]+|#[0-9a-f]{6}|hsl\(\d+,80%,\d+%\)|monospace|sans-serif|[0-9 ]+")


def read_svg(body):
    """[text of a title or heading, ...]."""
    text = body.decode()
    assert text.count("<?") == 1 and "<!" not in text, "no comment, declaration, CDATA"
    texts = []
    for one in xml.etree.ElementTree.fromstring(text).iter():
        name = one.tag.removeprefix("{http://www.w3.org/2000/svg}")
        assert name in ELEMENTS and set(one.attrib) <= ELEMENTS[name], (name, one.attrib)
        assert all(NUMBERS.fullmatch(value) for value in one.attrib.values()), one.attrib
        if name in ("title", "text"):
            texts.append(one.text)
    return texts


TOKEN = re.compile(r'\s+|(?P<string>"(?:[^"\\\n\r]|\\.)*")|(?P<word>[A-Za-z_]\w*|-?[\d.]+)|(?P<sign>->|[{}\[\]=])')
ATTRIBUTES = {"label", "id", "fontsize", "shape", "tooltip", "color", "fillcolor", "style", "weight", "penwidth", "minlen"}


def tokens_of(text):
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        assert match, text[at : at + 80]
        at = match.end()
        if match.lastgroup:
            yield match.group()
    yield "end"


def read_dot(body):
    """{node: label's lines}, [(from, to)]."""
    tokens = tokens_of(body.decode())
    nodes, edges, depth = {}, [], 0
    assert next(tokens) == "digraph" and next(tokens)[0] == '"' and next(tokens) == "{"
    token = next(tokens)
    while token != "end":
        if token == "}":
            depth, token = depth - 1, next(tokens)
            continue
        if token == "subgraph":
            assert next(tokens) == "cluster_L" and next(tokens) == "{"
            depth, token = depth + 1, next(tokens)
            continue
        assert token in ("node", '"legend"') or re.fullmatch(r"N\d+", token), token
        name, token = token, next(tokens)
        if token == "->":
            edges.append((name, next(tokens)))
            token = next(tokens)
        attributes = {}
        assert token == "[", token
        while (token := next(tokens)) != "]":
            assert token in ATTRIBUTES and next(tokens) == "=", token
            attributes[token] = next(tokens)
        if edges[-1:] and edges[-1][0] == name and name in nodes:
            pass
        elif name != "node":
            nodes[name] = re.split(r"(?<!\\)(?:\\\\)*\\[nl]", attributes["label"][1:-1])
        token = next(tokens)
    assert depth == -1
    return nodes, edges


def read_folded(body):
    """{(frame, ...): value}."""
    text = body.decode()
    assert text.endswith("\n") and len(text.splitlines()) == text.count("\n"), "whoever cuts lines finds ours"
    stacks = {}
    for line in text.splitlines():
        stack, value = line.rsplit(" ", 1)
        frames = tuple(stack.split(";"))
        assert frames not in stacks
        stacks[frames] = int(value)
    return stacks


def strict(answer):
    """JSON without a second key of a name, NaN or raw control characters."""

    def once(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    def no_number(text):
        raise AssertionError(text)

    body = json.loads(answer.body, object_pairs_hook=once, parse_constant=no_number)
    assert answer.status == 200 and set(body) == {"code", "body"}, answer
    return body["body"]
