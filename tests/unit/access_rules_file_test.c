/* An auth file that changes while it is in force: when it is taken, whom that ends, what is logged and counted. */
#include "base/buf.h"
#include "base/metrics.h"
#include "support/access_world.h"
#include "support/alloc_fault.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *problem(access_world *w)
{
    static char text[512];
    const char *name;
    bool any = pf_auth_problem(w->auth, text, sizeof text);
    assert_int_equal(any, text[0] != 0);
    name = strstr(text, "auth.yaml");
    return name ? name : text;
}

static void test_a_changed_file_is_taken_once_it_is_still(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    access_one_token(w, "fresh", "pf_fresh_0123456789");
    pf_auth_look(w->auth, false);
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    access_one_token(w, "fresher", "pf_fresh_0123456789");
    pf_auth_look(w->auth, false);
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    pf_auth_look(w->auth, false);
    assert_string_equal(access_by(w, "Bearer " CI), "(wrong token; wrong)");
    assert_string_equal(access_by(w, "Bearer pf_fresh_0123456789"), "fresher");
    access_one_token(w, "forced", "pf_fresh_0123456789");
    pf_auth_look(w->auth, true);
    assert_string_equal(access_by(w, "Bearer pf_fresh_0123456789"), "forced");
    access_end(w);
}

static void test_a_bad_file_keeps_the_old_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text, *problem;
    } table[] = {
        {"", "auth.yaml: the file is empty"},
        {"tokens:\n", "auth.yaml:1: \"tokens\" must be a list"},
        {"tokens: []\n", "auth.yaml:1: the file holds no token"},
        {"tokens:\n  - name: ci\n    ha", "auth.yaml: the last line has no end: the file was cut"},
        {"tokens:\n  - name: ci\n",
         "auth.yaml:2: token \"ci\" has neither \"hash\" nor \"subject\""},
    };
    access_world *w = access_start(access_usual());
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        access_write_file(w->path, table[i].text);
        if (i % 2)
            pf_auth_look(w->auth, true);
        else
            access_settle(w);
        assert_string_equal(problem(w), table[i].problem);
        assert_string_equal(access_by(w, "Bearer " CI), "ci");
    }
    unlink(w->path);
    access_settle(w);
    assert_string_equal(problem(w), "auth.yaml: No such file or directory");
    assert_int_equal(mkdir(w->path, 0700), 0);
    access_settle(w);
    assert_string_equal(problem(w), "auth.yaml: Is a directory");
    rmdir(w->path);
    assert_int_equal(mkfifo(w->path, 0600), 0);
    access_settle(w);
    assert_string_equal(problem(w), "auth.yaml: it is no file");
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    access_write_file(w->path, access_usual());
    access_settle(w);
    assert_string_equal(problem(w), "");
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    access_end(w);
}

/* The file is as good as it was: a revocation in it must not wait for its next change. */
static void test_a_look_without_descriptors_is_tried_again(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    struct rlimit all, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){0, all.rlim_max};
    access_one_token(w, "fresh", "pf_fresh_0123456789"); /* ci is revoked by it */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    access_settle(w);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    assert_string_equal(problem(w), "auth.yaml: Too many open files");
    assert_string_equal(access_by(w, "Bearer " CI), "ci");
    pf_auth_look(w->auth, false);
    assert_string_equal(problem(w), "");
    assert_string_not_equal(access_by(w, "Bearer " CI), "ci");
    access_end(w);
}

/* Nor for a second one when it was asked for by a signal. */
static void test_a_forced_look_without_descriptors_is_tried_again(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    struct rlimit all, none;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
    none = (struct rlimit){0, all.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    pf_auth_look(w->auth, true);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
    assert_string_equal(problem(w), "auth.yaml: Too many open files");
    pf_auth_look(w->auth, false);
    assert_string_equal(problem(w), "");
    access_end(w);
}

static void test_a_bad_file_is_no_start(void **state)
{
    (void)state;
    pf_auth *auth = NULL;
    pf_error err;
    assert_int_equal(pf_auth_new("/nonexistent/auth.yaml", NULL, &auth, &err), PF_INVALID);
    assert_string_equal(err.msg, "/nonexistent/auth.yaml: No such file or directory");
    assert_int_equal(pf_auth_new("/dev/null", NULL, &auth, &err), PF_INVALID);
    assert_string_equal(err.msg, "/dev/null: it is no file");
    assert_string_equal(err.param, "auth.file");
    assert_null(auth);
}

/* What runs on is told by its flag: when its token goes, changes or expires, and only then. */
static void test_revoking(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    pf_principal ci, root, ann;
    bool wrong;
    char text[2200];
    pf_credentials c = {.authorization = PF_STR("Bearer " CI), .now = NOW};
    assert_int_equal(pf_auth_identify(w->auth, &c, &ci, &wrong, NULL), PF_OK);
    c.authorization = PF_STR("Bearer " ROOT);
    assert_int_equal(pf_auth_identify(w->auth, &c, &root, &wrong, NULL), PF_OK);
    c = (pf_credentials){.from_proxy = true, .header = access_header, .ctx = "ann", .now = NOW};
    assert_int_equal(pf_auth_identify(w->auth, &c, &ann, &wrong, NULL), PF_OK);
    snprintf(text, sizeof text, "%s# the same\n", access_usual());
    access_write_file(w->path, text);
    access_settle(w);
    assert_false(*ci.revoked || *root.revoked || *ann.revoked);
    /* two files later: root is still unchanged, ci is gone, and so is the login */
    snprintf(text, sizeof text,
             "tokens: [{name: root, hash: %s, rights: [admin], expires: 2027-02-01}]\n",
             access_hash_of(ROOT));
    access_write_file(w->path, text);
    access_settle(w);
    assert_true(*ci.revoked && *ann.revoked);
    assert_false(*root.revoked);
    assert_true(pf_str_eq(ci.name, PF_STR("ci"))); /* it may still be read */
    /* the end that the newer file gave to the older principal */
    w->time = INT64_C(1801440000) * PF_NS_PER_SEC - 1;
    pf_auth_look(w->auth, false);
    assert_false(*root.revoked);
    w->time++;
    pf_auth_look(w->auth, false);
    assert_true(*root.revoked);
    assert_string_equal(access_by(w, "Bearer " ROOT), "(the token has expired)");
    pf_principal_release(&ci);
    pf_principal_release(&root);
    pf_principal_release(&ann);
    pf_auth_look(w->auth, false);
    access_end(w);
}

static void test_a_look_without_memory_is_tried_again(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    long n = 0;
    bool failed = true;
    for (; failed; n++) {
        char name[32];
        snprintf(name, sizeof name, "fresh%ld", n);
        access_one_token(w, name, "pf_fresh_0123456789");
        pf_auth_look(w->auth, false);
        alloc_fault_arm(n);
        pf_auth_look(w->auth, false);
        failed = alloc_fault_disarm();
        /* the log does without memory: then the file is taken all the same */
        if (failed && strcmp(access_by(w, "Bearer pf_fresh_0123456789"), name) != 0)
            assert_string_equal(problem(w), "out of memory (the auth file)");
        pf_auth_look(w->auth, false);
        assert_string_equal(problem(w), "");
        assert_string_equal(access_by(w, "Bearer pf_fresh_0123456789"), name);
    }
    assert_true(n > 3);
    access_end(w);
}

static void test_a_start_without_memory_fails(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    bool failed = true;
    for (long n = 0; failed; n++) {
        pf_auth *auth = NULL;
        pf_error err;
        alloc_fault_arm(n);
        pf_code code = pf_auth_new(w->path, NULL, &auth, &err);
        failed = alloc_fault_disarm();
        /* a start does without a metric that there is no memory for */
        assert_true(code == PF_OK || (failed && code == PF_INTERNAL));
        pf_auth_free(auth);
    }
    access_end(w);
}

static double metric(const char *line)
{
    pf_buf b = PF_BUF_INIT;
    pf_metrics_write(&b);
    pf_buf_putc(&b, 0);
    const char *at = strstr(b.data, line);
    double value = at ? atof(at + strlen(line)) : -1;
    pf_buf_free(&b);
    return value;
}

static void test_metrics(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "profefe_auth_requests_total{result=\"ok\"}",
        "profefe_auth_requests_total{result=\"none\"}",
        "profefe_auth_requests_total{result=\"wrong\"}",
        "profefe_auth_requests_total{result=\"expired\"}",
        "profefe_auth_file_reloads_total{result=\"ok\"}",
        "profefe_auth_file_reloads_total{result=\"bad\"}",
    };
    double before[6];
    access_world *w = access_start(access_usual());
    for (size_t i = 0; i < 6; i++)
        before[i] = metric(lines[i]);
    assert_true(metric("\nprofefe_auth_tokens ") == 4);
    access_by(w, "Bearer " CI);
    access_by(w, "");
    access_by(w, "Bearer x");
    access_by(w, "Bearer " OLD);
    access_one_token(w, "a", "pf_fresh_0123456789");
    access_settle(w);
    assert_true(metric("\nprofefe_auth_tokens ") == 1);
    access_write_file(w->path, "");
    access_settle(w);
    access_settle(w);
    for (size_t i = 0; i < 6; i++)
        if (metric(lines[i]) != before[i] + 1)
            fail_msg("%s is %g, was %g", lines[i], metric(lines[i]), before[i]);
    access_end(w);
}

/* ---- The log */

/* What is logged between the two. */
static int log_begin(void)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    int kept = dup(STDERR_FILENO);
    assert_true(dup2(fileno(f), STDERR_FILENO) >= 0);
    fclose(f);
    return kept;
}

static const char *log_end(int kept)
{
    static char text[8192];
    ssize_t n = pread(STDERR_FILENO, text, sizeof text - 1, 0);
    assert_true(n >= 0);
    text[n] = 0;
    dup2(kept, STDERR_FILENO);
    close(kept);
    return text;
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;
    for (; (text = strstr(text, what)); text += strlen(what))
        n++;
    return n;
}

static void test_a_file_that_everybody_can_read_is_warned_of(void **state)
{
    (void)state;
    static const struct {
        mode_t mode;
        size_t warnings;
    } table[] = {{0600, 0}, {0640, 0}, {0644, 1}, {0604, 1}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        access_world *w = access_start(access_usual());
        assert_int_equal(chmod(w->path, table[i].mode), 0);
        int kept = log_begin();
        pf_auth_look(w->auth, true);
        const char *text = log_end(kept);
        assert_int_equal(count(text, "everybody on this machine can read"), table[i].warnings);
        access_end(w);
    }
}

static void test_a_bad_file_is_logged_once_and_no_secret_ever(void **state)
{
    (void)state;
    access_world *w = access_start(access_usual());
    int kept = log_begin();
    access_write_file(w->path, "tokens:\n  - name: a\n    hash: " ROOT "\n");
    for (int i = 0; i < 5; i++) {
        pf_auth_look(w->auth, false);
        access_by(w, "Bearer " CI);
        access_by(w, "Bearer pf_wrong_0123456789");
    }
    const char *text = log_end(kept);
    assert_int_equal(count(text, "auth.yaml:3: "), 1);
    assert_int_equal(count(text, "0123456789"), 0);
    access_end(w);
}

/* ---- Threads */

typedef struct crowd {
    access_world *w;
    atomic_bool stop;
    atomic_int known;
} crowd;

static void *ask(void *ctx)
{
    crowd *all = ctx;
    while (!atomic_load(&all->stop)) {
        pf_principal p;
        bool wrong;
        char why[64];
        pf_credentials c = {.authorization = PF_STR("Bearer " ROOT), .now = NOW};
        if (pf_auth_identify(all->w->auth, &c, &p, &wrong, NULL) == PF_OK) {
            atomic_fetch_add(&all->known, !atomic_load(p.revoked) && p.name.n == 4);
            pf_principal_release(&p);
        }
        pf_auth_problem(all->w->auth, why, sizeof why);
    }
    return NULL;
}

static void test_threads_ask_while_the_file_changes(void **state)
{
    (void)state;
    crowd all = {.w = access_start(access_usual())};
    pthread_t threads[3];
    char text[2200];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask, &all), 0);
    for (int i = 0; i < 50; i++) {
        snprintf(text, sizeof text, "%s# %d\n", access_usual(), i);
        access_write_file(all.w->path, i % 5 ? text : "");
        pf_auth_look(all.w->auth, true);
        int seen = atomic_load(&all.known);
        while (atomic_load(&all.known) == seen)
            usleep(100);
    }
    atomic_store(&all.stop, true);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    access_end(all.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_changed_file_is_taken_once_it_is_still),
        cmocka_unit_test(test_a_bad_file_keeps_the_old_rules),
        cmocka_unit_test(test_a_look_without_descriptors_is_tried_again),
        cmocka_unit_test(test_a_forced_look_without_descriptors_is_tried_again),
        cmocka_unit_test(test_a_bad_file_is_no_start),
        cmocka_unit_test(test_revoking),
        cmocka_unit_test(test_a_look_without_memory_is_tried_again),
        cmocka_unit_test(test_a_start_without_memory_fails),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_a_file_that_everybody_can_read_is_warned_of),
        cmocka_unit_test(test_a_bad_file_is_logged_once_and_no_secret_ever),
        cmocka_unit_test(test_threads_ask_while_the_file_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
