"""What tests of views share: profiles to look at, and the answers read back."""

import itertools

services = (f"query-{n}" for n in itertools.count())


def push_all(server, bodies, **parameters):
    service = next(services)
    return service, [server.push(body, service=service, **parameters) for body in bodies]


def view(server, service, format, type="cpu", **parameters):
    return server.merge(service=service, type=type, format=format, **parameters)


def top(server, service, rows=0, **parameters):
    return view(server, service, "top", rows=rows, **parameters).result


def flame(server, service, **parameters):
    return view(server, service, "flamegraph", **parameters).result


class Tree:
    """A flame graph's columns as paths: {("main.main", "main.work"): (self, total)}."""

    def __init__(self, body):
        self.body = body
        nodes = body["nodes"]
        lengths = {len(column) for column in nodes.values()}
        assert len(lengths) == 1, "all columns are of one length"
        self.n = lengths.pop()
        self.nodes = nodes
        self.names = [body["names"][at] for at in nodes["name"]]
        self.children = [[] for _ in range(self.n)]
        for node in range(1, self.n):
            assert nodes["parent"][node] < node, "parents stand before their children"
            self.children[nodes["parent"][node]].append(node)

    def check_sums(self, prefix=""):
        own, total = self.nodes[prefix + "self"], self.nodes[prefix + "total"]
        for node in range(self.n):
            assert total[node] == own[node] + sum(total[child] for child in self.children[node])

    def check_order(self):
        for list in self.children:
            plain = [one for one in list if not self.nodes["folded"][one]]
            keys = [(-self.nodes["total"][one], self.names[one].encode()) for one in plain]
            assert keys == sorted(keys)
            assert list[: len(plain)] == plain, "(other) stands last"
            assert len(list) - len(plain) <= 1

    def path(self, node):
        way = []
        while node:
            way.append(self.names[node])
            node = self.nodes["parent"][node]
        return tuple(reversed(way))

    def stacks(self, prefix=""):
        """{path: self} of what is not zero."""
        own, found = self.nodes[prefix + "self"], {}
        for node in range(self.n):
            if own[node]:
                path = self.path(node)
                found[path] = found.get(path, 0) + own[node]
        return found


FAMILIES = {
    "cpu": ("collector-service/cpu.*", 60, "cpu", "ns", "cpu"),
    "cpu samples": ("collector-service/cpu.*", 7, "cpu", "count", "samples"),
    "heap": ("collector-service/heap.*", 15, "heap", "B", "alloc_space"),
    "heap in use": ("collector-service/heap.*", 1, "heap", "count", "inuse_objects"),
    "goroutine": ("collector-service/goroutine.*", 5, "goroutine", "count", "goroutine"),
    "compiler": ("go-compiler/cpu.*", 30, "cpu", "ns", "cpu"),
    "compiler heap without functions": ("go-compiler/mem.*", 3, "heap", "B", "alloc_space"),
}


def family(server, corpus, name):
    """Real profiles, pushed once a server: the service, the files, and what the tool calls their values."""
    pattern, count, kind, unit, index = FAMILIES[name]
    files = sorted(corpus.glob(pattern))[:count]
    assert files, f"{corpus}/{pattern} finds nothing"
    known = server.__dict__.setdefault("families", {})
    if (corpus, name) not in known:
        known[corpus, name] = push_all(server, [path.read_bytes() for path in files], type=kind)[0]
    return known[corpus, name], files, kind, unit, index
