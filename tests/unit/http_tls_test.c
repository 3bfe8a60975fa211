/* Certificates and keys: which are refused and how, reading them again, what sessions outlive that. */
#include "server/http/tls.h"

#include "support/certificates.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/pf-tls-XXXXXX", cert_file[64], key_file[64], ca_file[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", dir);
    snprintf(key_file, sizeof key_file, "%s/key.pem", dir);
    snprintf(ca_file, sizeof ca_file, "%s/ca.pem", dir);
    return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int remove_dir(void **state)
{
    (void)state;
    return nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(file, "we");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static void write_both(const cert *c)
{
    cert_write(c, NULL, cert_file);
    cert_write_key(c, NULL, key_file);
}

static pf_tls *load(const char *client_ca)
{
    pf_tls *tls;
    pf_error err = {0};
    pf_tls_config cfg = {cert_file, key_file, client_ca};
    if (pf_tls_new(&cfg, &tls, &err))
        fail_msg("%s", err.msg);
    return tls;
}

/* What one handshake came to. */
typedef struct outcome {
    pf_io_result server;
    bool client, resumed, h2, named;
    char name[128];
    X509 *shown; /* by the server */
    SSL_SESSION *session;
} outcome;

static void free_outcome(outcome *o)
{
    X509_free(o->shown);
    SSL_SESSION_free(o->session);
}

static outcome shake(pf_tls *tls, const cert *own, const char *alpn, SSL_SESSION *session,
                     int version)
{
    int fds[2];
    pf_io io;
    outcome o = {0};
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
    assert_true(pf_io_open(&io, fds[0], tls));
    SSL *client = tls_client_new(fds[1], own, alpn, session);
    if (version) {
        SSL_set_min_proto_version(client, version);
        SSL_set_max_proto_version(client, version);
        SSL_set_security_level(client, 0);
    }
    o.server = tls_shake(&io, client, &o.client);
    if (o.server == PF_IO_OK && o.client) {
        char c;
        size_t n;
        assert_int_equal(pf_io_write(&io, &(struct iovec){"x", 1}, 1, &n), PF_IO_OK);
        assert_int_equal(SSL_read(client, &c, 1), 1); /* what comes before it are the tickets */
        o.resumed = pf_io_was_resumed(&io);
        assert_true(o.resumed == (SSL_session_reused(client) == 1));
        o.h2 = pf_io_is_h2(&io);
        o.named = pf_io_client_name(&io, o.name, sizeof o.name);
        o.session = SSL_get1_session(client);
        o.shown = SSL_get1_peer_certificate(client);
        SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    }
    tls_client_free(client);
    pf_io_close(&io);
    close(fds[1]);
    return o;
}

/* A handshake that works; whether it was resumed. */
static bool resumes(pf_tls *tls, SSL_SESSION *session, int version)
{
    outcome o = shake(tls, NULL, NULL, session, version);
    assert_true(o.server == PF_IO_OK && o.client);
    free_outcome(&o);
    return o.resumed;
}

static void assert_refused(const char *client_ca, const char *file, const char *why)
{
    pf_tls *tls;
    pf_error err = {0};
    pf_tls_config cfg = {cert_file, key_file, client_ca};
    assert_int_equal(pf_tls_new(&cfg, &tls, &err), PF_INVALID);
    if (!strstr(err.msg, file) || !strstr(err.msg, why))
        fail_msg("neither %s nor \"%s\" in: %s", file, why, err.msg);
}

static void test_what_can_not_be_used(void **state)
{
    (void)state;
    cert good = cert_make("CN=shop", NULL, -CERT_DAY, CERT_DAY),
         other = cert_make("CN=other", NULL, -CERT_DAY, CERT_DAY),
         old = cert_make("CN=old", NULL, -2 * CERT_DAY, -CERT_DAY),
         young = cert_make("CN=young", NULL, CERT_DAY, 2 * CERT_DAY);
    unlink(cert_file);
    unlink(key_file);
    assert_refused(NULL, cert_file, "-tls.cert: ");
    write_both(&good);
    pf_tls_free(load(NULL));

    cert_write_key(&other, NULL, key_file);
    assert_refused(NULL, key_file, "doesn't belong to the certificate in");
    unlink(key_file);
    assert_refused(NULL, key_file, "No such file");
    write_text(key_file, "garbage\n");
    assert_refused(NULL, key_file, "no private key in it");
    cert_write_key(&good, "secret", key_file); /* nobody is asked for it */
    assert_refused(NULL, key_file, "the key is encrypted");
    cert_write(&good, NULL, key_file);
    assert_refused(NULL, key_file, "no private key in it");

    write_both(&good);
    write_text(cert_file, "");
    assert_refused(NULL, cert_file, "the file is empty");
    write_text(cert_file, "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----\n");
    assert_refused(NULL, cert_file, "a certificate in it can't be read");
    write_both(&old);
    assert_refused(NULL, cert_file, "expired on 20");
    write_both(&young);
    assert_refused(NULL, cert_file, "valid only from 20");

    write_both(&good);
    unlink(ca_file);
    assert_refused(ca_file, ca_file, "-tls.client-ca");
    write_text(ca_file, "garbage\n");
    assert_refused(ca_file, ca_file, "-tls.client-ca");
    cert_write_key(&good, NULL, ca_file);
    assert_refused(ca_file, ca_file, "-tls.client-ca");
    cert_free(&good);
    cert_free(&other);
    cert_free(&old);
    cert_free(&young);
}

static bool shows(pf_tls *tls, const cert *c)
{
    outcome o = shake(tls, NULL, NULL, NULL, 0);
    assert_true(o.server == PF_IO_OK && o.client);
    bool same = X509_cmp(o.shown, c->x509) == 0;
    free_outcome(&o);
    return same;
}

static bool reload(pf_tls *tls, bool force)
{
    bool fresh;
    pf_error err = {0};
    if (pf_tls_reload(tls, force, &fresh, &err))
        fail_msg("%s", err.msg);
    return fresh;
}

static void test_read_again(void **state)
{
    (void)state;
    cert first = cert_make("CN=first", NULL, -CERT_DAY, CERT_DAY),
         second = cert_make("CN=second", NULL, -CERT_DAY, 5 * CERT_DAY);
    write_both(&first);
    pf_tls *tls = load(NULL);
    int64_t not_after = pf_tls_not_after(tls), now = time(NULL);
    assert_true(not_after > now + CERT_DAY - 600 && not_after <= now + CERT_DAY);
    assert_false(reload(tls, false)); /* nothing has changed */
    assert_true(reload(tls, true));   /* SIGHUP says so all the same */
    assert_true(shows(tls, &first));
    write_both(&second);
    assert_true(shows(tls, &first));
    assert_true(reload(tls, false));
    assert_true(shows(tls, &second));
    assert_true(pf_tls_not_after(tls) > now + 4 * CERT_DAY);
    assert_false(reload(tls, false));
    pf_tls_free(tls);
    cert_free(&first);
    cert_free(&second);
}

static void test_what_can_not_be_used_changes_nothing(void **state)
{
    (void)state;
    cert good = cert_make("CN=good", NULL, -CERT_DAY, CERT_DAY),
         other = cert_make("CN=other", NULL, -CERT_DAY, CERT_DAY);
    write_both(&good);
    pf_tls *tls = load(NULL);
    int64_t not_after = pf_tls_not_after(tls);
    bool fresh = true;
    pf_error err;
    cert_write(&other, NULL, cert_file); /* its key is still to come */
    assert_int_equal(pf_tls_reload(tls, false, &fresh, &err), PF_INVALID);
    assert_false(fresh);
    assert_non_null(strstr(err.msg, "-tls.key"));
    assert_true(pf_tls_not_after(tls) == not_after);
    assert_true(shows(tls, &good));
    assert_false(reload(tls, false)); /* said once: it was tried */
    assert_int_equal(pf_tls_reload(tls, true, &fresh, &err), PF_INVALID);
    unlink(cert_file);
    assert_int_equal(pf_tls_reload(tls, false, &fresh, &err), PF_INVALID);
    assert_true(shows(tls, &good));
    write_both(&other);
    assert_true(reload(tls, false));
    assert_true(shows(tls, &other));
    pf_tls_free(tls);
    cert_free(&good);
    cert_free(&other);
}

static void test_sessions_outlive_a_new_certificate(void **state)
{
    (void)state;
    cert first = cert_make("CN=first", NULL, -CERT_DAY, CERT_DAY),
         second = cert_make("CN=second", NULL, -CERT_DAY, CERT_DAY);
    write_both(&first);
    pf_tls *tls = load(NULL), *stranger = load(NULL);
    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        write_both(&first);
        reload(tls, true);
        outcome o = shake(tls, NULL, NULL, NULL, version);
        assert_true(o.server == PF_IO_OK && o.client && !o.resumed);
        assert_true(resumes(tls, o.session, version));
        write_both(&second);
        assert_true(reload(tls, false));
        assert_true(resumes(tls, o.session, version));
        assert_false(resumes(stranger, o.session, version)); /* whose keys are others */
        free_outcome(&o);
    }
    pf_tls_free(tls);
    pf_tls_free(stranger);
    cert_free(&first);
    cert_free(&second);
}

/* A ticket says that a CA vouched for the client: another CA has not. */
static void test_sessions_end_with_the_clients_ca(void **state)
{
    (void)state;
    cert own = cert_make("CN=shop", NULL, -CERT_DAY, CERT_DAY),
         ca = cert_make("CN=CA one", NULL, -CERT_DAY, CERT_DAY),
         ca2 = cert_make("CN=CA two", NULL, -CERT_DAY, CERT_DAY),
         client = cert_make("O=shop,CN=ci", &ca, -CERT_DAY, CERT_DAY);
    write_both(&own);
    cert_write(&ca, NULL, ca_file);
    pf_tls *tls = load(ca_file);
    outcome o = shake(tls, &client, NULL, NULL, 0);
    assert_true(o.server == PF_IO_OK && o.named);
    assert_true(reload(tls, true)); /* the same CA, read again */
    outcome again = shake(tls, &client, NULL, o.session, 0);
    assert_true(again.resumed && again.named);
    assert_string_equal(again.name, "CN=ci,O=shop");
    free_outcome(&again);
    cert_write(&ca2, NULL, ca_file);
    assert_true(reload(tls, false));
    again = shake(tls, NULL, NULL, o.session, 0);
    assert_true(again.server == PF_IO_OK && !again.resumed && !again.named);
    free_outcome(&again);
    again = shake(tls, &client, NULL, NULL, 0);
    assert_int_equal(again.server, PF_IO_ERROR);
    free_outcome(&again);
    free_outcome(&o);
    pf_tls_free(tls);
    cert_free(&own);
    cert_free(&ca);
    cert_free(&ca2);
    cert_free(&client);
}

static void test_clients_certificates(void **state)
{
    (void)state;
    cert own = cert_make("CN=shop", NULL, -CERT_DAY, CERT_DAY),
         ca = cert_make("CN=CA", NULL, -CERT_DAY, CERT_DAY),
         other_ca = cert_make("CN=CA", NULL, -CERT_DAY, CERT_DAY),
         good = cert_make("O=shop,CN=ci", &ca, -CERT_DAY, CERT_DAY),
         forged = cert_make("O=shop,CN=ci", &other_ca, -CERT_DAY, CERT_DAY),
         old = cert_make("O=shop,CN=ci", &ca, -2 * CERT_DAY, -CERT_DAY),
         itself = cert_make("O=shop,CN=ci", NULL, -CERT_DAY, CERT_DAY);
    write_both(&own);
    cert_write(&ca, NULL, ca_file);
    pf_tls *tls = load(ca_file), *asks_nobody = load(NULL);
    outcome o = shake(tls, &good, NULL, NULL, 0);
    assert_true(o.server == PF_IO_OK && o.named);
    assert_string_equal(o.name, "CN=ci,O=shop");
    free_outcome(&o);
    o = shake(tls, NULL, NULL, NULL, 0); /* who has none is let in, nameless */
    assert_true(o.server == PF_IO_OK && o.client && !o.named);
    free_outcome(&o);
    o = shake(asks_nobody, &good, NULL, NULL, 0);
    assert_true(o.server == PF_IO_OK && !o.named);
    free_outcome(&o);
    const cert *bad[] = {&forged, &old, &itself};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o = shake(tls, bad[i], NULL, NULL, 0);
        assert_int_equal(o.server, PF_IO_ERROR);
        free_outcome(&o);
    }
    pf_tls_free(tls);
    pf_tls_free(asks_nobody);
    cert *all[] = {&own, &ca, &other_ca, &good, &forged, &old, &itself};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        cert_free(all[i]);
}

static void test_the_chain_is_shown(void **state)
{
    (void)state;
    cert ca = cert_make("CN=CA", NULL, -CERT_DAY, CERT_DAY),
         own = cert_make("CN=shop", &ca, -CERT_DAY, CERT_DAY);
    cert_write(&own, &ca, cert_file);
    cert_write_key(&own, NULL, key_file);
    pf_tls *tls = load(NULL);
    SSL *ssl = pf_tls_session(tls);
    assert_non_null(ssl);
    STACK_OF(X509) *chain = NULL;
    assert_int_equal(SSL_get0_chain_certs(ssl, &chain), 1);
    assert_int_equal(sk_X509_num(chain), 1);
    SSL_free(ssl);
    pf_tls_free(tls);
    pf_tls_free(NULL);
    cert_free(&ca);
    cert_free(&own);
}

static void test_protocols(void **state)
{
    (void)state;
    cert own = cert_make("CN=shop", NULL, -CERT_DAY, CERT_DAY);
    write_both(&own);
    pf_tls *tls = load(NULL);
    static const struct {
        const char *alpn;
        int version;
        bool ok, h2;
    } cases[] = {
        {NULL, TLS1_3_VERSION, true, false},
        {NULL, TLS1_2_VERSION, true, false},
        {NULL, TLS1_1_VERSION, false, false},
        {NULL, TLS1_VERSION, false, false},
        {"\x02h2", TLS1_3_VERSION, true, true},
        {"\x02h2", TLS1_2_VERSION, true, true},
        {"\x08http/1.1", 0, true, false},
        {"\x08http/1.1\x02h2", 0, true, true}, /* ours is the choice */
        {"\x02h2\x08http/1.1", 0, true, true},
        {"\x03h2c\x02h2", 0, true, true},
        {"\x04spdy", 0, false, false},
        {"\x02h3", 0, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        outcome o = shake(tls, NULL, cases[i].alpn, NULL, cases[i].version);
        bool ok = o.server == PF_IO_OK && o.client;
        if (ok != cases[i].ok || o.h2 != cases[i].h2)
            fail_msg("case %zu: %s", i, ok ? "let in" : "refused");
        free_outcome(&o);
    }
    pf_tls_free(tls);
    cert_free(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_can_not_be_used),
        cmocka_unit_test(test_read_again),
        cmocka_unit_test(test_what_can_not_be_used_changes_nothing),
        cmocka_unit_test(test_sessions_outlive_a_new_certificate),
        cmocka_unit_test(test_sessions_end_with_the_clients_ca),
        cmocka_unit_test(test_clients_certificates),
        cmocka_unit_test(test_the_chain_is_shown),
        cmocka_unit_test(test_protocols),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
