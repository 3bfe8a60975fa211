#include "cmd/bench/target.h"

#include "base/buf.h"
#include "base/clock.h"
#include "cmd/bench/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORDS_MAX = 64 };
static const int64_t ready_limit = 30 * PF_NS_PER_SEC, stop_limit = 30 * PF_NS_PER_SEC;

pf_code bench_target_client(const bench_target *t, int64_t timeout, pf_client **out, pf_error *err)
{
    pf_client_config conf = {.url = t->url,
                             .timeout = timeout,
                             .http = t->http2 ? PF_CLIENT_HTTP2 : PF_CLIENT_HTTP1,
                             .insecure = true,
                             .token = *t->token ? t->token : NULL};
    return pf_client_new(&conf, out, err);
}

pf_code bench_target_read_token(bench_target *t, const char *path, pf_error *err)
{
    FILE *file = fopen(path, "re");
    bool is_read = file && fgets(t->token, sizeof t->token, file);
    if (file)
        fclose(file);
    t->token[is_read ? strcspn(t->token, "\r\n") : 0] = 0;
    return *t->token ? PF_OK : pf_fail(err, PF_INVALID, "%s holds no token", path);
}

pf_code bench_target_attach(bench_target *t, const char *url, pid_t pid, const char *dir,
                            pf_error *err)
{
    snprintf(t->url, sizeof t->url, "%s", url);
    snprintf(t->dir, sizeof t->dir, "%s", dir);
    t->pid = pid;
    t->peak_resets = bench_rss_peak_reset(pid);
    if (bench_cpu_ns(pid) < 0)
        return pf_fail(err, PF_INVALID, "there is no process %d", (int)pid);
    if (*dir && access(dir, R_OK | X_OK) != 0)
        return pf_fail(err, PF_INVALID, "can't read the directory %s: %s", dir, strerror(errno));
    pf_client *c;
    pf_code code = bench_target_client(t, 10 * PF_NS_PER_SEC, &c, err);
    if (code)
        return code;
    code = pf_client_ping(c, err);
    pf_client_free(c);
    return code;
}

/* A port that nobody listens on just now. Another may take it before the server does: the start
 * fails then, and says so. */
static pf_code free_port(char *addr, size_t n, pf_error *err)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof sa;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&sa, sizeof sa) == 0 &&
              getsockname(fd, (struct sockaddr *)&sa, &len) == 0;
    if (fd >= 0)
        close(fd);
    if (!ok)
        return pf_fail(err, PF_INTERNAL, "can't find a free port: %s", strerror(errno));
    snprintf(addr, n, "127.0.0.1:%u", ntohs(sa.sin_port));
    return PF_OK;
}

static void pem_path(const bench_target *t, const char *name, char *out, size_t n)
{
    snprintf(out, n, "%.1000s/%s", t->home, name);
}

static void put_word(const bench_target *t, pf_str word, pf_buf *out)
{
    char cert[BENCH_PATH], key[BENCH_PATH];
    pem_path(t, "cert.pem", cert, sizeof cert);
    pem_path(t, "key.pem", key, sizeof key);
    const struct {
        const char *name, *value;
    } places[] = {{"{addr}", t->addr}, {"{dir}", t->dir}, {"{cert}", cert}, {"{key}", key}};
    for (size_t i = 0; i < word.n;) {
        pf_str rest = {word.p + i, word.n - i};
        size_t at = 0;
        while (at < 4 && !pf_str_has_prefix(rest, pf_str_c(places[at].name)))
            at++;
        if (at < 4) {
            pf_buf_puts(out, places[at].value);
            i += strlen(places[at].name);
        } else {
            pf_buf_putc(out, word.p[i++]);
        }
    }
    pf_buf_putc(out, '\0');
}

/* The command as argv; the words stand one behind the other in *text. */
static pf_code make_argv(const bench_target *t, pf_buf *text, char **argv, pf_error *err)
{
    size_t at[WORDS_MAX], n = 0;
    const char *ours = strstr(t->command, "{addr}") ? "" : "-addr={addr} -local.dir={dir}";
    pf_str parts[] = {pf_str_c(t->command), pf_str_c(ours)};
    for (size_t part = 0; part < 2; part++) {
        pf_str word, rest = parts[part];
        while (rest.n) {
            pf_str_cut(rest, ' ', &word, &rest);
            if (!word.n)
                continue;
            if (n == WORDS_MAX)
                return pf_fail(err, PF_INVALID, "the server's command has over %d words",
                               WORDS_MAX);
            at[n++] = text->len;
            put_word(t, word, text);
        }
    }
    if (text->failed)
        return pf_fail_nomem(err, "command");
    if (!n)
        return pf_fail(err, PF_INVALID, "the server's command is empty");
    for (size_t i = 0; i < n; i++)
        argv[i] = text->data + at[i];
    argv[n] = NULL;
    return PF_OK;
}

/* In the child. Only calls that are safe after fork. */
static void become(char **argv, const char *log, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* Ctrl-C is for the benchmark, which then stops the server in order */
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    int in = open("/dev/null", O_RDONLY);
    if (argv[0] && out >= 0 && in >= 0 && getppid() == parent) {
        dup2(in, 0);
        dup2(out, 1);
        dup2(out, 2);
        execvp(argv[0], argv);
        static const char why[] = "profefe-bench: the server's program can't be started\n";
        if (write(2, why, sizeof why - 1) < 0)
            _exit(126);
    }
    _exit(127);
}

/* What the server said last, for the message: its log goes with its directory. */
static void last_words(const bench_target *t, char *out, size_t n)
{
    char path[BENCH_PATH + 16], line[512];
    snprintf(path, sizeof path, "%s/server.log", t->home);
    snprintf(out, n, "it said nothing");
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        pf_str text = pf_str_trim(pf_str_c(line));
        if (text.n)
            snprintf(out, n, "%.*s", PF_FMT(text));
    }
    if (f)
        fclose(f);
}

/* Waits until it answers a question about what it stores, so that one which listens before it has
 * opened its store does not count as ready. */
static pf_code wait_ready(bench_target *t, int64_t began, int64_t *took, pf_error *err)
{
    pf_client *c;
    pf_error why = {0};
    pf_arena a;
    pf_strs services;
    pf_code code = bench_target_client(t, ready_limit, &c, err);
    if (code)
        return code;
    pf_arena_init(&a, NULL, 0);
    for (;;) {
        code = pf_client_services(c, &a, &services, &why);
        *took = pf_clock_mono() - began;
        if (!code || code == PF_NOT_FOUND)
            break;
        if (waitpid(t->pid, NULL, WNOHANG) == t->pid) {
            char words[256];
            t->pid = 0;
            last_words(t, words, sizeof words);
            code = pf_fail(err, PF_UNAVAILABLE, "server %s ended as it was started: %s",
                           bench_target_name(t), words);
            break;
        }
        if (*took > ready_limit) {
            code = pf_fail(err, PF_TIMEOUT, "server %s is not ready after 30 s: %.300s",
                           bench_target_name(t), why.msg);
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = PF_NS_PER_MS}, NULL);
    }
    pf_arena_free(&a);
    pf_client_free(c);
    return code == PF_NOT_FOUND ? PF_OK : code;
}

pf_code bench_target_start(bench_target *t, int64_t *took, pf_error *err)
{
    pf_buf text = PF_BUF_INIT;
    char *argv[WORDS_MAX + 1] = {0}, log[BENCH_PATH + 16];
    pf_code code = make_argv(t, &text, argv, err);
    snprintf(log, sizeof log, "%s/server.log", t->home);
    if (!code) {
        pid_t parent = getpid();
        int64_t began = pf_clock_mono();
        t->pid = fork();
        if (t->pid == 0)
            become(argv, log, parent);
        code = t->pid < 0 ? pf_fail(err, PF_INTERNAL, "can't fork: %s", strerror(errno))
                          : wait_ready(t, began, took, err);
    }
    pf_buf_free(&text);
    return code;
}

static pf_code make_certificate(const bench_target *t, pf_error *err)
{
    char cert[BENCH_PATH], key[BENCH_PATH];
    pem_path(t, "cert.pem", cert, sizeof cert);
    pem_path(t, "key.pem", key, sizeof key);
    return bench_certificate_make(cert, key, err);
}

pf_code bench_target_launch(bench_target *t, const char *command, const char *tmp, pf_error *err)
{
    bool tls = strstr(command, "{cert}") != NULL;
    t->command = command;
    pf_code code = free_port(t->addr, sizeof t->addr, err);
    if (code)
        return code;
    snprintf(t->url, sizeof t->url, "%s://%s", tls ? "https" : "http", t->addr);
    snprintf(t->home, sizeof t->home, "%.900s/profefe-bench.XXXXXX", tmp);
    if (!mkdtemp(t->home)) {
        t->home[0] = '\0';
        return pf_fail(err, PF_INVALID, "can't make a directory in %s: %s", tmp, strerror(errno));
    }
    snprintf(t->dir, sizeof t->dir, "%.1000s/data", t->home);
    if (mkdir(t->dir, 0755) != 0)
        return pf_fail(err, PF_INVALID, "can't make %s: %s", t->dir, strerror(errno));
    int64_t took;
    code = tls ? make_certificate(t, err) : PF_OK;
    if (!code)
        code = bench_target_start(t, &took, err);
    t->peak_resets = !code && bench_rss_peak_reset(t->pid);
    return code;
}

pf_code bench_target_stop(bench_target *t, bool hard, pf_error *err)
{
    if (!t->command || t->pid <= 0)
        return PF_OK;
    kill(t->pid, hard ? SIGKILL : SIGTERM);
    int64_t end = pf_clock_mono() + stop_limit;
    while (waitpid(t->pid, NULL, WNOHANG) == 0) {
        if (pf_clock_mono() > end)
            return pf_fail(err, PF_TIMEOUT, "server %s does not stop within 30 s",
                           bench_target_name(t));
        nanosleep(&(struct timespec){.tv_nsec = 2 * PF_NS_PER_MS}, NULL);
    }
    t->pid = 0;
    return PF_OK;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void bench_target_close(bench_target *t, bool keep)
{
    if (!t->command)
        return;
    if (t->pid > 0)
        bench_target_stop(t, true, NULL);
    if (*t->home && !keep)
        nftw(t->home, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
