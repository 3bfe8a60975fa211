"""Certificates of clients: -tls.client-ca asks for them and requires none. The name is what the application sees."""
# variants: release, asan, tsan

import ssl
import time

import pytest
from certificates import Authority, client_context, replace
from echo import until
from tls_echo import V3, VERSIONS, resumes, s_client, session_of


@pytest.fixture
def asking(serve_tls, root_ca, tmp_path):
    """A server that asks for certificates signed by the root, directly or by way of the middle."""
    return serve_tls(f"-tls-client-ca={root_ca.cert}")


def name_of(server, pair, version):
    with server.connect(context=client_context(pair=pair, version=version)) as c:
        return c.ask("GET", "/info").json()["client"]


@VERSIONS
def test_a_client_without_a_certificate_is_served_without_a_name(asking, version):
    assert name_of(asking, None, version) == ""


@VERSIONS
@pytest.mark.parametrize("by", ["root", "middle"])
def test_a_client_has_the_name_of_its_certificate(asking, root_ca, middle_ca, by, version):
    pair = {"root": root_ca, "middle": middle_ca}[by].issue("/O=shop/CN=ci", use="client")
    assert name_of(asking, pair, version) == "CN=ci,O=shop"


@VERSIONS
def test_the_name_outlives_resumption(asking, middle_ca, version):
    context = client_context(pair=middle_ca.issue("/CN=ci", use="client"), version=version)
    session, _ = session_of(asking, context)
    with asking.connect(context=context, session=session) as c:
        assert c.ask("GET", "/info").json()["client"] == "CN=ci"
        assert c.sock.session_reused


@VERSIONS
def test_a_certificate_that_has_ended_names_nobody_any_more(asking, root_ca, version):
    """Its session would be resumed for ever: whoever resumes one gets a new ticket."""
    ends = time.time() + 3
    context = client_context(pair=root_ca.issue("/CN=ci", use="client", ends=3), version=version)
    session, _ = session_of(asking, context)
    until("it has ended", lambda: time.time() > ends + 1)
    with asking.connect(context=context, session=session) as c:
        assert c.ask("GET", "/info").json()["client"] == ""
        assert c.sock.session_reused


@VERSIONS
def test_an_authority_in_the_middle_may_be_the_one_to_trust(serve_tls, root_ca, middle_ca, version):
    """Only those that it signed, not all that the root did."""
    server = serve_tls(f"-tls-client-ca={middle_ca.cert}")
    assert name_of(server, middle_ca.issue("/CN=ci", use="client"), version) == "CN=ci"
    with pytest.raises(ssl.SSLError, match="(?i)alert.unknown.ca"):
        name_of(server, root_ca.issue("/CN=ci", use="client"), version)


STRANGERS = ["another authority's", "expired", "not yet valid", "signed by itself", "a server's", "without the middle"]


def strangers(root_ca, middle_ca, tmp_path):
    return {
        "another authority's": (Authority(tmp_path, "other").issue("/CN=ci", use="client"), "unknown.ca"),
        "expired": (root_ca.issue("/CN=ci", use="client", begins=-9 * 86400, ends=-3600), "certificate.expired"),
        "not yet valid": (root_ca.issue("/CN=ci", use="client", begins=3600), "bad.certificate|certificate.expired"),
        "signed by itself": (root_ca.issue_itself("/CN=ci"), "unknown.ca"),
        "a server's": (root_ca.issue("/CN=ci", use="server"), "unsupported.certificate"),
        "without the middle": (middle_ca.issue("/CN=ci", use="client", chain=False), "unknown.ca"),
    }


@VERSIONS
@pytest.mark.parametrize("which", STRANGERS)
def test_a_certificate_that_does_not_hold_fails_the_handshake(asking, root_ca, middle_ca, tmp_path, which, version):
    pair, alert = strangers(root_ca, middle_ca, tmp_path)[which]
    with pytest.raises(ssl.SSLError, match=f"(?i)alert.({alert})"):
        name_of(asking, pair, version)
    assert name_of(asking, None, version) == ""


@pytest.mark.parametrize(
    "subject,name",
    [
        ("/CN=a,O=admin", "CN=a\\,O=admin"),
        ("/CN=two\nlines\r\n", "CN=two\\0Alines\\0D\\0A"),
        ("/CN=quote\"<b>&", 'CN=quote\\"\\<b\\>&'),
        ("/CN=Zoë", "CN=Zo\\C3\\AB"),
        ("/CN=a\\+O=b", "CN=a\\+O=b"),
        ("/CN= x #", "CN=\\ x #"),
        ("/O=" + "x" * 60 + "/OU=y/CN=z", "CN=z,OU=y,O=" + "x" * 60),
    ],
)
def test_names_are_safe_wherever_they_are_written(asking, root_ca, subject, name):
    pair = root_ca.issue(subject, use="client")
    assert name_of(asking, pair, V3) == name


def test_without_an_authority_no_client_is_asked(serve_tls, root_ca):
    server = serve_tls()
    assert name_of(server, root_ca.issue("/CN=ci", use="client"), V3) == ""
    assert "No client certificate CA names sent" in s_client(server)


@VERSIONS
def test_sessions_are_not_resumed_once_the_clients_authority_has_changed(serve_tls, root_ca, middle_ca, tmp_path, version):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(root_ca.cert.read_bytes())
    server = serve_tls(f"-tls-client-ca={ca}")
    context = client_context(pair=middle_ca.issue("/CN=ci", use="client"), version=version)
    session, _ = session_of(server, context)
    assert resumes(server, context, session)
    replace(ca, ca.read_bytes(), "rename")  # a new file that says the same
    assert server.reload() == "reloaded"
    assert resumes(server, context, session)
    other = Authority(tmp_path, "other")
    ca.write_bytes(other.cert.read_bytes())
    assert server.reload() == "reloaded"
    with pytest.raises(ssl.SSLError, match="(?i)unknown.ca"):
        session_of(server, context, session=session)
    anonymous = client_context(version=version)
    assert not resumes(server, anonymous, None)
