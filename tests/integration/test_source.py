"""What is promised of the transport's sources: imports run one way, and a file can be read in one go."""
# variants: release

import re

from server import ROOT

FOLDER = ROOT / "src/server/http"
LINES_MAX = 500


def files():
    found = sorted(FOLDER.glob("*.[ch]"))
    assert len(found) > 30
    return found


def imports():
    """{noun: the nouns that its .h or .c includes}"""
    graph = {}
    for path in files():
        used = re.findall(r'#include "server/http/(\w+)\.h"', path.read_text())
        graph.setdefault(path.stem, set()).update(set(used) - {path.stem})
    return graph


def test_no_circle_among_the_files():
    graph = imports()
    assert "loop" in graph["request"] and "conn" in graph["acceptor"]
    done = set()

    def walk(noun, way):
        assert noun not in way, " -> ".join([*way[way.index(noun) :], noun])
        if noun not in done:
            for used in graph.get(noun, ()):
                walk(used, [*way, noun])
            done.add(noun)

    for noun in graph:
        walk(noun, [])


def test_no_file_is_too_long():
    long = {path.name: lines for path in files() if (lines := len(path.read_text().splitlines())) > LINES_MAX}
    assert not long
