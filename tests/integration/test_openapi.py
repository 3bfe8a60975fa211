"""The API's description: it is sound, it says what the server does and what docs/api.md says, and the witness made of
it (openapi.py) can say no."""
# variants: release, asan

import json
import re
from dataclasses import replace

import http2
import openapi
import pytest
from builders import small
from jsonschema import Draft202012Validator
from openapi import BYTES, DOCUMENT, JSON, TEXT, Seen, Wrong, resolve
from pprof_wire import encode
from raw_http import exchange, head
from server import FROM, ROOT, TO, query

BODY = encode(small())
COMPONENTS = DOCUMENT["components"]
API_DOC = (ROOT / "docs/api.md").read_text()
BOTH_DOCS = API_DOC + (ROOT / "docs/query-api.md").read_text()
RANGE = {"from_": FROM, "to": TO}
OPERATIONS = [(path, method, item[method]) for path, item in DOCUMENT["paths"].items() for method in openapi.METHODS if method in item]
HERE = [(path, method, one) for path, method, one in OPERATIONS if not openapi.is_coming(path, method)]


def parts(value, way=()):
    """Every object of the document, and the way to it."""
    if isinstance(value, dict):
        yield way, value
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        yield from parts(part, (*way, key))


def parameters_of(path, operation):
    return [resolve(one) for one in [*DOCUMENT["paths"][path].get("parameters", []), *operation.get("parameters", [])]]


def rights_of(path):
    """The rights of a path's methods, in order, each once: "any" where one is as good as another; none where all is open."""
    found = {}
    for method in openapi.methods_of(path):
        for scheme in DOCUMENT["paths"][path][method].get("security", DOCUMENT["security"]):
            found |= dict.fromkeys(right for rights in scheme.values() for right in rights or ["any"])
    return list(found)


# --- the document -------------------------------------------------------------------------------------------


def test_references_lead_somewhere_and_all_that_is_there_is_used():
    used = {part["$ref"] for _, part in parts(DOCUMENT) if "$ref" in part}
    for one in used:
        resolve({"$ref": one})
    there = {f"#/components/{kind}/{name}" for kind in COMPONENTS for name in COMPONENTS[kind] if kind != "securitySchemes"}
    assert used == there


def test_operations_are_named_described_and_answer():
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert set(DOCUMENT["info"]) == {"title", "version", "summary", "description"}
    tags = {tag["name"] for tag in DOCUMENT["tags"]}
    ids = [one["operationId"] for _, _, one in OPERATIONS]
    assert len(set(ids)) == len(ids) > 40
    for path, method, one in OPERATIONS:
        assert one["summary"].endswith(".") and set(one["tags"]) <= tags, (path, method)
        for status, response in one["responses"].items():
            assert re.fullmatch(r"default|[2-5]\d\d", status) and resolve(response)["description"], (path, method, status)
        assert ("get" in DOCUMENT["paths"][path]) == ("head" in DOCUMENT["paths"][path])
        for scheme in one.get("security", []):
            assert set(scheme) <= set(COMPONENTS["securitySchemes"])
    assert {right for path in DOCUMENT["paths"] for right in rights_of(path)} - {"any"} <= set(COMPONENTS["schemas"]["Right"]["enum"])


def test_parameters_are_described_once():
    for path, method, one in OPERATIONS:
        found = parameters_of(path, one)
        assert len({(p["in"], p["name"]) for p in found}) == len(found)
        for parameter in found:
            assert parameter["description"].endswith(".") and resolve(parameter["schema"]), (path, parameter)
            assert parameter["in"] in ("query", "header", "path")
            if parameter["in"] != "path":
                assert re.search(rf"\b{parameter['name']}\b", BOTH_DOCS), f"no docs of {parameter['name']}"
        holes = re.findall(r"{(\w+)}", path)
        assert [p["name"] for p in found if p["in"] == "path" and p["required"]] == holes


def schemas():
    for way, part in parts(DOCUMENT):
        if way and (way[-1] == "schema" or way[:2] == ("components", "schemas") and len(way) == 3):
            yield way, part


def test_schemas_are_json_schema_and_closed():
    """A field that is new, or forgotten, is an error: but in this document itself, which is not described by itself."""
    n = 0
    for way, schema in schemas():
        Draft202012Validator.check_schema(schema)
        for inner, part in parts(schema):
            n += 1
            if "properties" not in part or inner and inner[-1] == "properties" or "$ref" in part:
                continue
            assert part["additionalProperties"] is False, (way, inner)
            assert set(part["required"]) <= set(part["properties"]), (way, inner)
    assert n > 100
    wrapped = [part for _, part in parts(DOCUMENT) if part.get("$ref") == "#/components/schemas/Success"]
    assert len(wrapped) > 10 and all(set(part) == {"$ref", "properties"} and set(part["properties"]) == {"body"} for part in wrapped)


# --- other places that say the same -------------------------------------------------------------------------


def table(first):
    """The rows of the table of docs/api.md whose first column is called so."""
    text = re.search(rf"^\| {first} \|.*\n\|[-|]+\n((?:\|.*\n)+)", API_DOC, re.M)[1]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]


def test_kinds_are_those_of_the_source_and_of_the_docs():
    source = re.findall(r'\{PF_\w+, (\d+), "(\w+)"\}', (ROOT / "src/base/error.c").read_text())
    ours = {kind: int(status) for status, kind in source if kind not in ("ok", "cancelled")}
    kind = COMPONENTS["schemas"]["Kind"]
    assert len(ours) > 10 and list(ours) == kind["enum"] == list(kind["x-statuses"])
    for name, status in ours.items():
        assert status in kind["x-statuses"][name]
    told = {row[0].strip("`"): sorted(map(int, row[1].split(","))) for row in table("kind")}
    assert told == kind["x-statuses"]


def test_the_docs_have_the_same_routes():
    told = {row[0].strip("`"): (row[1].split(", "), row[2]) for row in table("path")}
    assert told == {
        path: ([m.upper() for m in openapi.methods_of(path)], ", ".join(rights_of(path)) or "open") for path in DOCUMENT["paths"]
    }


# --- the server ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def full(shared_server):
    """A server with a profile, and its id."""
    return shared_server, shared_server.push(BODY, labels="host=web-1")


VIEW = "/api/0/profiles/merge" + query(service="app", type="cpu", **RANGE)
TARGETS = {
    "/api/0/profiles": ["/api/0/profiles" + query(service="app", totals=totals, **RANGE) for totals in ("true", None)],
    "/api/0/profiles/merge": [VIEW] + [f"{VIEW}&format={one}" for one in COMPONENTS["parameters"]["format"]["schema"]["enum"]]
    + [f"{VIEW}&format={one}&granularity=addresses" for one in ("flamegraph", "top")],
    "/api/0/profiles/diff": [
        "/api/0/profiles/diff" + query(service="app", type="cpu", base_from=FROM, format=one, **RANGE)
        for one in COMPONENTS["parameters"]["format_diff"]["schema"]["enum"]
    ],
    "/api/0/types": ["/api/0/types?service=app"],
    "/api/0/sample_types": ["/api/0/sample_types?service=app&type=cpu"],
    "/api/0/labels": ["/api/0/labels?service=app"],
    "/api/0/series": ["/api/0/series" + query(service="app", type="cpu", step="10000d", group_by=by, function=f, **RANGE)
                      for by in (None, "host") for f in (None, "f")],
}  # fmt: skip


@pytest.mark.parametrize("path", [path for path, method, _ in HERE if method == "get" and "{file}" not in path])
def test_every_route_answers(full, path):
    """The client holds what comes against the description."""
    server, id = full
    for target in TARGETS.get(path, [path.replace("{id}", id)]):
        before = openapi.count
        answer = server.get(target)
        assert answer.status == 200, answer
        assert server.request("HEAD", target).status == 200
        assert openapi.count == before + 2


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_route_has_the_methods_that_it_names(full, path):
    server, id = full
    target = path.replace("{id}", id).replace("{file}", "none") + "?dry_run=1"
    there = [m for m in openapi.methods_of(path) if not openapi.is_coming(path, m)]
    for method in ("get", "head", "post", "put", "delete", "patch", "options"):
        status = server.request(method.upper(), target, b"" if method in ("post", "put") else None).status
        assert (status == 405) == (bool(there) and method not in there), (method, status)
        if not there:
            assert status == 404, f"{method} {path} has come: take it out of COMING"


def given(path, operation):
    """A request with every parameter that is required."""
    values = {"service": "app", "type": "cpu", "from": FROM, "to": TO}
    found = {p["name"]: values[p["name"]] for p in parameters_of(path, operation) if p.get("required") and p["in"] == "query"}
    if path == "/api/0/profiles/diff":
        found = {**values, "base_from": FROM}
    if path.startswith("/api/0/profiles/"):
        found["format"] = "flamegraph"
    return found


def refused(server, method, path, parameters, name):
    answer = server.request(method.upper(), path + query(**parameters), BODY if method == "post" else None, {"Accept": "*/*"})
    assert answer.status in (400, 405), answer
    assert name in answer.error


REQUIRED = [
    (path, method, name)
    for path, method, one in HERE
    for name in given(path, one)
    if method != "head" and name != "format" and (name != "type" or method == "post")
]


@pytest.mark.parametrize("path, method, name", REQUIRED, ids=[f"{method} {path} {name}" for path, method, name in REQUIRED])
def test_what_is_required_is_missed(full, path, method, name):
    parameters = given(path, DOCUMENT["paths"][path][method])
    del parameters[name]
    if name == "base_from":
        name = "base_"
    refused(full[0], method, path, parameters, name)


def narrow():
    """The query parameters that not every text is good for, with one that is not."""
    for path, method, one in HERE:
        for parameter in parameters_of(path, one):
            schema = resolve(parameter["schema"])
            odd = "enum" in schema or schema.get("type") in ("integer", "boolean") or schema.get("pattern")
            if parameter["in"] == "query" and odd and "{" not in path and method != "head":
                yield path, method, parameter["name"]


@pytest.mark.parametrize("path, method, name", narrow(), ids=lambda value: value)
def test_what_is_narrow_is_refused(full, path, method, name):
    refused(full[0], method, path, {**given(path, DOCUMENT["paths"][path][method]), name: "!"}, name)


def test_the_index_names_routes_of_the_description(full):
    server, _ = full
    index = server.get("/api/0/").result
    names = {"__pid__": "{id}", "__file__": "{file}"}
    told = {re.sub("__[a-z]+__", lambda hole: names[hole[0]], route["path"]): sorted(route["methods"]) for route in index["routes"]}
    there = {
        path if path == "/" else path.rstrip("/"): sorted(m.upper() for m in openapi.methods_of(path) if not openapi.is_coming(path, m))
        for path in DOCUMENT["paths"]
    }
    assert len(told) > 10 and told.items() <= there.items()


def test_the_server_has_the_document(full):
    server, _ = full
    if openapi.is_coming("/api/0/openapi.json", "get"):
        return  # test_every_route_has_the_methods_that_it_names fails as soon as it has come
    served = server.get("/api/0/openapi.json").json
    assert served.pop("info") == {**DOCUMENT["info"], "version": server.get("/api/0/version").result["version"]}
    assert served == {key: part for key, part in DOCUMENT.items() if key != "info"}


# --- the witness can say no ---------------------------------------------------------------------------------

EVERY = {"x-request-id": "id", "x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'; sandbox"}
SERVICES = Seen("GET", "/api/0/services", 200, {**EVERY, "content-type": JSON}, b'{"code":200,"body":["app"]}\n')
ERROR = {"code": 400, "error": "bad", "kind": "invalid_request", "param": "from", "request_id": "id"}
REFUSED = Seen("GET", VIEW.partition("?")[0], 400, {**EVERY, "content-type": JSON}, json.dumps(ERROR).encode() + b"\n", {"accept": "*/*"})
TOLD = replace(REFUSED, headers={**EVERY, "content-type": TEXT, "x-go-pprof": "1"}, body=b"bad\n", sent={})
MERGED = Seen("GET", REFUSED.path, 200, {**EVERY, "content-type": BYTES, "content-disposition": 'attachment; filename="cpu.pb.gz"'}, BODY)
PUT = Seen("PUT", "/api/0/services", 405, {**EVERY, "content-type": JSON, "allow": "GET, HEAD"},
           json.dumps({**ERROR, "code": 405, "kind": "not_allowed"}).encode() + b"\n")  # fmt: skip
ASKED = Seen("OPTIONS", "/api/0/services", 204, {**EVERY, "access-control-allow-origin": "https://a.example",
             "access-control-allow-methods": "GET"}, b"")  # fmt: skip
HEALTHY = Seen("GET", "/healthz", 200, {**EVERY, "content-type": TEXT}, b"ok\n")
ROW = {"id": "x", "type": "cpu", "service": "app", "created_at": "2026-11-22T10:30:00Z"}


def rows(*changes, n=5000):
    """A long list of profiles in which some are changed."""
    list = [ROW] * n
    for at, change in changes:
        list[at] = {**ROW, **change}
    return replace(SERVICES, path="/api/0/profiles", body=json.dumps({"code": 200, "body": list}).encode() + b"\n")


def put(seen, **headers):
    """With other headers; None: without."""
    changed = {**seen.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return replace(seen, headers={name: value for name, value in changed.items() if value is not None})


def error(**changes):
    found = {key: value for key, value in {**ERROR, **changes}.items() if value is not None}
    return replace(REFUSED, body=json.dumps(found).encode() + b"\n")


RIGHT = {
    "services": SERVICES, "an error": REFUSED, "text for the tool": TOLD, "bytes": MERGED, "405": PUT, "a preflight": ASKED, "health": HEALTHY,
    "a long list": rows((1, {"labels": [{"key": "a", "value": ""}]})), "without a parameter": error(param=None),
    "HEAD": replace(SERVICES, method="HEAD", body=b""), "a slash more": replace(SERVICES, path="/api/0/services/"),
    "an id with a slash": replace(MERGED, path="/api/0/profiles/a/b+c"), "a body that was not read": replace(SERVICES, body=None),
    "the transport": replace(error(code=431), status=431),
}  # fmt: skip
WRONG = {
    "a field too many": replace(SERVICES, body=b'{"code":200,"body":["app"],"more":1}\n'),
    "a field too few": replace(SERVICES, body=b'{"body":["app"]}\n'),
    "a success that says otherwise": replace(SERVICES, body=b'{"code":201,"body":["app"]}\n'),
    "another type": replace(SERVICES, body=b'{"code":200,"body":"app"}\n'),
    "an empty list": replace(SERVICES, body=b'{"code":200,"body":[]}\n'),
    "another type inside": replace(SERVICES, body=b'{"code":200,"body":["app",1]}\n'),
    "no newline": replace(SERVICES, body=SERVICES.body[:-1]),
    "no JSON": replace(SERVICES, body=b"{\n"),
    "no body": replace(SERVICES, body=b""),
    "an unknown status": replace(SERVICES, status=201),
    "a status of other routes": replace(error(code=409, kind="conflict"), status=409),
    "another content type": put(SERVICES, content_type="text/html"),
    "no content type": put(SERVICES, content_type=None),
    "no request id": put(SERVICES, x_request_id=None),
    "sniffing": put(SERVICES, x_content_type_options=None),
    "no policy": put(SERVICES, content_security_policy="script-src *"),
    "HEAD with a body": replace(SERVICES, method="HEAD"),
    "an unknown path": replace(SERVICES, path="/api/0/nothing"),
    "an unknown method": replace(SERVICES, method="PUT"),
    "a method in small letters": replace(SERVICES, method="get"),
    "a preflight of any site": put(ASKED, access_control_allow_origin=None),
    "a preflight with a body": replace(ASKED, body=b"{}"),
    "204 to others": replace(ASKED, method="GET"),
    "another Allow": put(PUT, allow="GET, HEAD, POST"),
    "no Allow": put(PUT, allow=None),
    "no kind": error(kind=None),
    "an unknown kind": error(kind="bad"),
    "a kind of another status": error(kind="not_found"),
    "a code of another status": error(code=404),
    "another request id": error(request_id="other"),
    "no request id in the error": error(request_id=None),
    "no text": error(error=""),
    "an error with more": error(more=1),
    "text where JSON is due": put(TOLD, x_go_pprof=None),
    "text for a browser": replace(TOLD, sent={"accept": "text/html"}),
    "text for a flame graph": replace(TOLD, query="a=b&format=flamegraph"),
    "text for lists": replace(TOLD, path="/api/0/types"),
    "JSON where text is due": put(replace(HEALTHY, status=503, body=b"{}\n"), content_type=JSON, retry_after="1"),
    "503 without an hour": replace(HEALTHY, status=503, body=b"full\n"),
    "bytes without a name": put(MERGED, content_disposition=None),
    "a name with a path": put(MERGED, content_disposition='attachment; filename="../x"'),
    "the first of many": rows((0, {"type": "none"})),
    "the last of many": rows((4999, {"created_at": "now"})),
    "one without labels that says so": rows((100, {"labels": []})),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_answers_are_taken(name):
    openapi.check(RIGHT[name])


@pytest.mark.parametrize("name", WRONG)
def test_wrong_answers_are_not(name):
    with pytest.raises(Wrong):
        openapi.check(WRONG[name])


@pytest.mark.parametrize("column", COMPONENTS["schemas"]["Flame"]["properties"]["nodes"]["properties"])
def test_every_column_of_a_flame_graph_is_looked_at(full, column):
    server, _ = full
    answer = server.get(VIEW + "&format=flamegraph&granularity=addresses")
    found = answer.json
    found["body"]["nodes"][column][-1] = 1.5
    with pytest.raises(Wrong):
        openapi.check(Seen("GET", REFUSED.path, 200, answer.headers, json.dumps(found).encode() + b"\n"))


@pytest.mark.parametrize("client", ["request", "exchange", "curl", "HTTP/2"])
def test_every_client_shows_what_it_gets(full, client, curl, monkeypatch):
    server, _ = full
    shown = []
    monkeypatch.setattr(openapi, "check", shown.append)
    if client == "request":
        server.get("/api/0/version/?a=b")
    elif client == "exchange":
        exchange(server, head("GET", "/api/0/version/?a=b"))
    elif client == "curl":
        curl(f"{server.url}/api/0/version/?a=b")
    else:
        with http2.Client(f"{server.host}:{server.port}") as c:
            c.ask("GET", "/api/0/version/?a=b")
    (one,) = shown
    assert (one.method, one.path, one.query, one.status) == ("GET", "/api/0/version/", "a=b", 200)
    assert one.headers["content-type"] == JSON and json.loads(one.body)["code"] == 200
