"""The table of flags: docs/operations.md, the man page and the environment variables are what it says."""
# variants: release, asan

import re
import shutil
import subprocess

import pytest
from server import BUILD, ROOT, SANITIZED, run_server

FIRST = "<!-- what follows is printed by: profefe -help=markdown -->\n"
LAST = "<!-- end of what profefe -help=markdown prints -->\n"


def printed(flag):
    done = run_server(flag)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def rows():
    """{flag: (what its value is called or "", environment variable)} of -help=markdown."""
    found = re.findall(r"^\| `-([\w.-]+) ?([^`]*)` \|.*\| `(\w+)` \|$", printed("-help=markdown"), re.M)
    return {name: (value, variable) for name, value, variable in found}


def help_flags():
    return re.findall(r"^  -([\w.-]+)", printed("-help"), re.M)


def test_operations_has_the_table_that_the_server_prints():
    table = printed("-help=markdown")
    assert table.startswith(FIRST) and table.endswith(LAST)
    text = (ROOT / "docs/operations.md").read_text()
    assert text.count(FIRST) == text.count(LAST) == 1
    found = text[text.index(FIRST) : text.index(LAST) + len(LAST)]
    assert found == table, "put what `build/profefe -help=markdown` prints between the two comments of docs/operations.md"


def test_every_flag_of_help_is_in_the_table_and_in_the_man_page():
    names = help_flags()
    assert len(names) > 40 and len(set(names)) == len(names)
    assert list(rows()) == names
    page = printed("-help=man").replace("\\-", "-")
    assert re.findall(r"^\.TP\n\\fB-([\w.-]+)\\fR(?! *\[)", page, re.M)[-len(names) :] == names
    for _, variable in rows().values():
        assert f"\\fB\\%{variable}\\fR" in page


def test_variables_are_named_after_their_flags():
    for name, (_, variable) in rows().items():
        assert variable == "PROFEFE_" + re.sub("[.-]", "_", name).upper()


def complaints(page):
    if not shutil.which("groff"):
        pytest.fail("groff is missing: scripts/setup test installs it")
    done = subprocess.run(
        ["groff", "-man", "-wall", "-wmac", "-z", "-Tutf8"], input=page, capture_output=True, text=True, timeout=60
    )
    return done.stderr + done.stdout


def test_groff_has_no_complaint_about_the_man_page():
    page = printed("-help=man")
    assert complaints(page) == ""
    assert "NOSUCH" in complaints(page + ".NOSUCH\n")
    text = subprocess.run(
        ["groff", "-man", "-Tascii", "-P-cbou", "-rHY=0", "-rLL=500n"], input=page, capture_output=True, text=True, timeout=60
    ).stdout
    for name, (value, _) in rows().items():
        assert re.search(rf"^ +-{re.escape(name)}{' ' if value else ''}{re.escape(value)}$", text, re.M), name
    for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SIGNALS", "EXIT STATUS"):
        assert re.search(f"^{section}$", text, re.M), section


@pytest.mark.skipif(SANITIZED, reason="only the release tree builds the man page")
def test_the_build_leaves_the_man_page():
    assert (BUILD / "profefe.1").read_text() == printed("-help=man")


def test_a_bad_value_in_the_environment_names_variable_and_value(tmp_path):
    """Of each flag that can have one by itself; tests/unit/cmd_config_test.c sets all of them to good ones."""
    tried = 0
    for name, (value, variable) in rows().items():
        if value not in ("", "n", "size", "duration"):
            continue
        done = run_server(
            f"-local.dir={tmp_path / 'data'}", "-addr=127.0.0.1:0", environment={variable: "wrong-value"}
        )
        assert (done.returncode, done.stdout) == (2, ""), name
        assert re.fullmatch(rf'profefe: environment variable {variable}: "wrong-value" is not an? .*\n', done.stderr)
        tried += 1
    assert tried > 25
    assert not (tmp_path / "data").exists()


def test_a_value_out_of_range_names_flag_value_and_range(tmp_path):
    variable = "PROFEFE_HTTP_MAX_HEADER_SIZE"
    words = [f"-local.dir={tmp_path / 'data'}", "-addr=127.0.0.1:0"]
    for named, done in (
        ("flag -http.max-header-size", run_server(*words, "-http.max-header-size=1")),
        (f"environment variable {variable}", run_server(*words, environment={variable: "1"})),
    ):
        assert (done.returncode, done.stderr) == (2, f'profefe: {named}: "1" is not between 1KiB and 16MiB\n')


def test_an_unknown_form_of_help_is_refused():
    done = run_server("-help=html")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == 'profefe: flag -help: "html" is none of text, markdown, man\n'


@pytest.mark.parametrize("form", ["-help", "-help=markdown", "-help=man"])
def test_help_shows_no_value_of_the_environment(form):
    plain = printed(form)
    environment = {variable: "s3cret" for _, variable in rows().values()} | {"PROFEFE_CLICKHOUSE_DSN": "s3cret"}
    done = run_server(form, environment=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, plain, "")


def test_help_says_that_no_flag_holds_a_secret():
    assert "No flag holds a secret" in printed("-help")
    for name, (value, _) in rows().items():
        assert not re.search("secret|password|token", value), name
