/* What headers say about the body, and which sayings are refused. */
#include "server/http/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MAX = 4 };

typedef struct header {
    const char *name, *value;
} header;

static pf_refusal framing_of(const header *in, bool http10, pf_framing *out)
{
    pf_header headers[MAX];
    size_t n = 0;
    for (; n < MAX && in[n].name; n++)
        headers[n] = (pf_header){pf_str_c(in[n].name), pf_str_c(in[n].value)};
    return pf_framing_read(headers, n, http10, out);
}

static void test_good(void **state)
{
    (void)state;
    pf_framing f;
    assert_int_equal(framing_of((header[MAX]){{"Host", "x"}}, false, &f).status, 0);
    assert_false(f.chunked || f.has_length);
    assert_int_equal(framing_of((header[MAX]){{"content-LENGTH", "0"}}, false, &f).status, 0);
    assert_true(f.has_length && f.length == 0);
    assert_int_equal(
        framing_of((header[MAX]){{"Content-Length", "0018446744073709551615"}}, true, &f).status,
        0);
    assert_true(f.has_length && f.length == UINT64_MAX);
    assert_int_equal(framing_of((header[MAX]){{"Transfer-Encoding", "Chunked"}}, false, &f).status,
                     0);
    assert_true(f.chunked && !f.has_length);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        header headers[MAX];
        bool http10;
        int status;
    } cases[] = {
        {{{"Content-Length", "1"}, {"Content-Length", "1"}}, false, 400},
        {{{"Content-Length", "1"}, {"X", ""}, {"content-length", "2"}}, false, 400},
        {{{"Content-Length", ""}}, false, 400},
        {{{"Content-Length", "-1"}}, false, 400},
        {{{"Content-Length", "+1"}}, false, 400},
        {{{"Content-Length", "1, 1"}}, false, 400},
        {{{"Content-Length", "1 1"}}, false, 400},
        {{{"Content-Length", "0x1"}}, false, 400},
        {{{"Content-Length", "18446744073709551616"}}, false, 400},
        {{{"Content-Length", "1"}, {"Transfer-Encoding", "chunked"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Content-Length", "1"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}}, false, 400},
        {{{"Transfer-Encoding", "chunked"}}, true, 400},
        {{{"Transfer-Encoding", "gzip"}}, false, 501},
        {{{"Transfer-Encoding", "gzip, chunked"}}, false, 501},
        {{{"Transfer-Encoding", ""}}, false, 501},
        {{{"Content-Length ", "1"}}, false, 400},
        {{{"", "1"}}, false, 400},
        {{{"X\x01", "1"}}, false, 400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pf_framing f;
        pf_refusal no = framing_of(cases[i].headers, cases[i].http10, &f);
        assert_int_equal(no.status, cases[i].status);
        assert_non_null(no.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
