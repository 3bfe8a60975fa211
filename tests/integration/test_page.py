"""The page's flags, and what "/" answers to whom. What the page does is tested in a browser: web/test/e2e."""
# variants: release, asan

import pytest
from server import run_server


@pytest.mark.parametrize("flag", [
    "-http.base-path=profefe", "-http.base-path=/a b", "-http.base-path=//a", "-http.base-path=/a?b",
    "-http.base-path=/" + "a" * 300, "-web.source-url=javascript:alert(1)", "-web.source-url=/{file}",
])
def test_flags_that_make_no_sense_end_the_start(tmp_path, flag):
    done = run_server("-addr=127.0.0.1:0", f"-local.dir={tmp_path}", flag)
    assert done.returncode == 2
    assert flag.split("=")[0] in done.stderr


def test_the_root_is_text_for_whoever_does_not_browse(server):
    answer = server.get("/")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    for path in ("/assets/none.js", "/assets/", "/assets/../etc/passwd", "/speedscope/%2e%2e"):
        assert server.get(path).status == 404


def test_a_base_path_is_taken_off_where_it_is_there(start):
    server = start("-http.base-path=/tools/profefe/", "-web.source-url=https://git.example/{file}")
    for path in ("/api/0/ui/config", "/tools/profefe/api/0/ui/config"):
        found = server.get(path).result
        assert found == {"source_url": "https://git.example/{file}", "base_path": "/tools/profefe", "auth": False}
    assert server.get("/tools/profefe").headers["location"] == "/tools/profefe/"
    assert server.get("/tools/profefex/api/0/ui/config").status == 404
    assert server.get("/tools/profefe/api/0/nothing").error == "nothing found"
