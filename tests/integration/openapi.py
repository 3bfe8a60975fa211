"""The API's description, src/server/api/openapi.json, as a witness: what the tests' clients get is held against it.

    check(document path, method, status, headers, body)  ->  Wrong, naming what the description doesn't allow

Every client of the suite (Server.request, curl, raw_http.exchange, http2.Client) shows its answers to seen(), which
knows the servers that run by their ports. What OpenAPI can't say is said here: that a path may end with a slash, that
HEAD is GET without a body, which form an error has on which path, which kinds go with which status.
"""

import functools
import gzip
import json
import re
from dataclasses import dataclass
from pathlib import Path

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

DOCUMENT = json.loads((Path(__file__).resolve().parents[2] / "src/server/api/openapi.json").read_text())
METHODS = ("get", "head", "post", "put", "delete", "options", "patch", "trace")
ANYWHERE = {401, 403, 404, 421, 429, 500, 503}  # an unknown path, and what comes before it is known to be one
MANY = 400  # of a longer list of objects so many at each end are looked at, and as many between
PLAIN = {"integer": (int,), "number": (int, float), "string": (str,)}
JSON, TEXT, BYTES = "application/json", "text/plain; charset=utf-8", "application/octet-stream"

# What a browser is told that asks before it sends a request to another site's server; no route is called for it.
PREFLIGHT = {
    "headers": {f"Access-Control-Allow-{what}": {"required": True, "schema": {"type": "string"}} for what in ("Origin", "Methods")}
}

# These are described and not there yet. A test fails when one of them has come: then it leaves this list.
COMING = set()


class Wrong(AssertionError):
    """An answer that the description doesn't allow."""


def is_coming(path, method):
    return (path, "get" if method == "head" else method) in COMING


@dataclass
class Seen:
    """One answer, and what it answers. A body that is None was not read to its end."""

    method: str
    path: str  # below the base path, without the query
    status: int
    headers: dict  # lower-case names
    body: bytes
    sent: dict = None  # the request's headers in lower case, where the client knows them
    query: str = ""

    @property
    def verb(self):
        """The method's name in the description. Methods are case-sensitive: "get" is none of them."""
        return self.method.lower() if self.method.isupper() else ""

    @property
    def template(self):
        return template_of(self.path)

    @property
    def is_api(self):
        return self.path.startswith("/api/")

    def __str__(self):
        start = (self.body or b"")[:300]
        return f"{self.method} {self.path[:200]} -> {self.status} {self.headers} {start!r}"


# --- paths --------------------------------------------------------------------------------------------------


def template_of(path):
    """The description's name of a path, as docs/api.md tells; None for one that is unknown."""
    for folder in ("/assets/", "/speedscope/"):
        if path.startswith(folder):
            return folder + "{file}"
    slashed = path
    path = path.rstrip("/") or "/"
    below = path.startswith(("/api/0/profiles/", "/debug/pprof/"))
    if path == "/symbolz" or (below and path.endswith(("/symbolz", "/pprof/symbol"))):
        return "/symbolz"
    if path in DOCUMENT["paths"] and "{" not in path:
        return path
    if path + "/" in DOCUMENT["paths"]:
        return path + "/"
    return "/api/0/profiles/{id}" if slashed.startswith("/api/0/profiles/") else None


def split_target(target, base_path=""):
    """(path below the base path, query) of a request's target; (None, "") where it is no path."""
    target = re.sub(r"^https?://[^/?]*", "", target, flags=re.I)
    path, _, query = target.partition("?")
    if base_path and (path == base_path or path.startswith(base_path + "/")):
        path = path[len(base_path) :] or "/"
    return (path, query) if path.startswith("/") else (None, "")


# --- the description's parts --------------------------------------------------------------------------------


def resolve(part):
    """A part, or what its $ref leads to."""
    while "$ref" in part:
        at = DOCUMENT
        for key in part["$ref"].removeprefix("#/").split("/"):
            at = at[key]
        part = at
    return part


def methods_of(template):
    return [method for method in METHODS if method in DOCUMENT["paths"][template]]


def few(items):
    """Of a long list the two ends and some between, evenly, so that a list of a million is looked at in no time."""
    if len(items) <= 3 * MANY:
        return enumerate(items)
    places = {*range(MANY), *range(len(items) - MANY, len(items)), *range(0, len(items), len(items) // MANY)}
    return ((i, items[i]) for i in sorted(places))


def check_items(validator, schema, instance, _):
    """`items` that reads columns of plain values whole and fast, and of long lists of objects enough."""
    if not validator.is_type(instance, "array"):
        return
    wanted = PLAIN.get(schema.get("type")) if isinstance(schema.get("type"), str) else None
    if wanted and set(schema) <= {"type", "minimum"}:
        least = schema.get("minimum")
        for i, one in enumerate(instance):
            if type(one) not in wanted or (least is not None and one < least):
                yield ValidationError(f"{one!r} is no {schema['type']} of at least {least}", path=[i])
        return
    for i, one in few(instance):
        yield from validator.descend(one, schema, path=i)


Validator = extend(Draft202012Validator, {"items": lambda v, items, instance, schema: check_items(v, items, instance, schema)})


@functools.lru_cache(maxsize=None)
def validator_of(schema_text):
    """References lead into the components, which stand beside the schema."""
    return Validator({**json.loads(schema_text), "components": DOCUMENT["components"]})


def violations(schema, value):
    schema = {key: part for key, part in schema.items() if key != "description"}
    validator = validator_of(json.dumps(schema, sort_keys=True))
    found = sorted(validator.iter_errors(value), key=lambda error: -len(error.path))
    return [f"{error.json_path}: {error.message[:300]}" for error in found[:3]]


# --- answers ------------------------------------------------------------------------------------------------


def is_transports(response, status):
    return status in response.get("x-statuses", ())


def candidates(seen):
    """The responses that this answer may be one of."""
    transport = resolve(DOCUMENT["components"]["responses"]["Transport"])
    found = [transport] if is_transports(transport, seen.status) else []
    responses = DOCUMENT["components"]["responses"]
    suffix = "" if seen.is_api else "Text"
    by_status = {401: "Unauthenticated", 403: "Forbidden", 404: "NotFound", 405: "NotAllowed", 421: "Misdirected",
                 429: "RateLimit", 500: "Internal", 503: "Unavailable"}  # fmt: skip
    template = seen.template
    if seen.method == "OPTIONS" and seen.status == 204:  # on any path: a page is to read the 404 that comes of it
        return [PREFLIGHT]
    if template and seen.verb in methods_of(template) and not is_coming(template, seen.verb):
        operation = DOCUMENT["paths"][template]["get" if seen.verb == "head" else seen.verb]
        listed = operation["responses"].get(str(seen.status))
        return found + ([resolve(listed)] if listed else [])
    if template and not all(is_coming(template, one) for one in methods_of(template)):
        allowed = ANYWHERE - {404} | {405}
    else:
        allowed = ANYWHERE
    if seen.status in allowed:
        name = by_status[seen.status]
        found.append(responses.get(name + suffix) or text_form(responses[name]))
    return found


def text_form(response):
    return {**response, "content": {TEXT: {"schema": {"type": "string"}}}}


def check_headers(listed, seen):
    for name, header in listed.items():
        header = resolve(header)
        value = seen.headers.get(name.lower())
        if value is None:
            if header.get("required"):
                raise Wrong(f"the header {name} is missing: {seen}")
        elif wrong := violations(header["schema"], value):
            raise Wrong(f"{name}: {wrong}: {seen}")


def media_of(response, seen):
    """The description of this answer's content type; None where an answer has no content."""
    content, type = response.get("content"), seen.headers.get("content-type")
    if not content:
        if seen.body:
            raise Wrong(f"a body where there is none: {seen}")
        return None
    if type not in content and "*/*" not in content:
        raise Wrong(f"content type {type!r}, not one of {sorted(content)}: {seen}")
    return content.get(type) or content.get("*/*")


def check_content(response, seen):
    media = media_of(response, seen)
    if seen.method == "HEAD":
        if seen.body:
            raise Wrong(f"HEAD with a body: {seen}")
        return
    coding = seen.headers.get("content-encoding")
    if media is None or "schema" not in media or seen.body is None or coding not in (None, "gzip"):
        return
    body = gzip.decompress(seen.body) if coding else seen.body
    if seen.headers["content-type"] != JSON:
        if wrong := violations(media["schema"], body.decode(errors="replace")):
            raise Wrong(f"{wrong}: {seen}")
        return
    if not body.endswith(b"\n"):
        raise Wrong(f"JSON without a newline at its end: {seen}")
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Wrong(f"no JSON: {error}: {seen}") from None
    if wrong := violations(media["schema"], value):
        raise Wrong(f"{wrong}: {seen}")
    if seen.status >= 400:
        check_error(value, seen)


def check_error(value, seen):
    """What the schema of an error can't say."""
    if value["code"] != seen.status:
        raise Wrong(f"the code is not the status: {seen}")
    if value["request_id"] != seen.headers.get("x-request-id"):
        raise Wrong(f"request_id is not X-Request-Id: {seen}")
    statuses = DOCUMENT["components"]["schemas"]["Kind"]["x-statuses"][value["kind"]]
    if seen.status not in statuses:
        raise Wrong(f"the kind {value['kind']} goes with {statuses}: {seen}")


def check_form(seen):
    """Errors are JSON below /api/, text elsewhere; text below /api/ is for `go tool pprof`, which sends no Accept."""
    type = seen.headers.get("content-type")
    if seen.status < 400 or seen.status in DOCUMENT["components"]["responses"]["Transport"]["x-statuses"][1:]:
        return
    if type == JSON and not seen.is_api:
        raise Wrong(f"an error as JSON outside of /api/: {seen}")
    if type == JSON or not seen.is_api:
        return
    if seen.status in (400, 503) and seen.template and seen.sent is None:
        return  # raw bytes: what could not be read has no path
    if "x-go-pprof" not in seen.headers:
        raise Wrong(f"an error as text without X-Go-Pprof: {seen}")
    operation = DOCUMENT["paths"].get(seen.template, {}).get(seen.verb, {"responses": {}})
    if TEXT not in resolve(operation["responses"].get("503", {})).get("content", ()):
        raise Wrong(f"an error as text on a route that has none: {seen}")
    if seen.sent and "accept" in seen.sent:
        raise Wrong(f"an error as text for somebody who sends Accept: {seen}")
    if format := re.search(r"(?:^|&)format=([^&]+)", seen.query):
        if format[1] != "pprof":
            raise Wrong(f"an error as text where another format than pprof was asked for: {seen}")


def check_one(response, seen):
    check_headers(response.get("headers", {}), seen)
    check_content(response, seen)
    if seen.status == 200 and seen.headers.get("content-type") == BYTES and "content-disposition" not in seen.headers:
        raise Wrong(f"bytes without Content-Disposition: {seen}")


def check_allow(seen):
    if seen.status != 405 or not seen.template or seen.verb in methods_of(seen.template):
        return
    there = [m.upper() for m in methods_of(seen.template) if not is_coming(seen.template, m)]
    if sorted(seen.headers.get("allow", "").split(", ")) != sorted(there):
        raise Wrong(f"Allow is not {there}: {seen}")


def check(seen):
    """Raises Wrong where the description doesn't allow this answer."""
    check_headers(DOCUMENT["x-every-answer"]["headers"], seen)
    possible = candidates(seen)
    if not possible:
        raise Wrong(f"status {seen.status} is not described: {seen}")
    check_form(seen)
    check_allow(seen)
    wrongs = []
    for response in possible:
        try:
            return check_one(response, seen)
        except Wrong as wrong:
            wrongs.append(wrong)
    raise wrongs[-1]


# --- the suite's clients ------------------------------------------------------------------------------------

servers = {}  # by port: the base path of a server that runs
count = 0  # answers that were looked at


def begin(port, base_path=""):
    servers[port] = base_path


def end(port):
    servers.pop(port, None)


def seen(port, method, target, status, headers, body, sent=None):
    """An answer that a client of the suite got; those of programs that are not the server are let be."""
    global count
    if port not in servers:
        return
    path, query = split_target(target, servers[port])
    if path is None:
        return
    count += 1
    sent = None if sent is None else {name.lower(): value for name, value in sent.items()}
    check(Seen(method, path, status, headers, body, sent, query))


def seen_raw(port, request, response):
    """The first answer of a connection, from its bytes; one that was cut, or that answers no plain request, is let be."""
    asked = re.match(rb"([A-Z]+) ([!-~]+) HTTP/1\.1\r\n", request)
    head, found, body = response.partition(b"\r\n\r\n")
    answered = re.match(rb"HTTP/1\.1 ([2-5]\d\d) ", head)
    if not asked or not found or not answered:
        return
    headers = {}
    for line in head.decode("latin-1").split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    length = headers.get("content-length")
    if asked[1] == b"HEAD":
        body = b""
    elif length is None or len(body) < int(length):
        body = None
    else:
        body = body[: int(length)]
    seen(port, asked[1].decode(), asked[2].decode("latin-1"), int(answered[1]), headers, body)


def seen_by_curl(heads, told, body):
    """What curl -D wrote, and -w told: "method URL" in the last line."""
    method, _, url = told.rpartition("\n")[2].partition(" ")
    at = re.match(r"https?://[^/:]+:(\d+)(/.*)?$", url)
    last = heads.replace("\r\n", "\n").strip("\n").split("\n\n")[-1]  # behind "100 Continue"
    first, *lines = last.split("\n")
    if not at or not first.startswith("HTTP/"):
        return
    headers = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    seen(int(at[1]), method, at[2] or "/", int(first.split(" ")[1]), headers, body, {"accept": "*/*"})
