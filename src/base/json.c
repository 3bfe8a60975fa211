#include "base/json.h"

static void begin_element(pf_json *j)
{
    if (j->comma)
        pf_buf_putc(j->out, ',');
    j->comma = true;
}

void pf_json_open(pf_json *j, char bracket)
{
    begin_element(j);
    pf_buf_putc(j->out, bracket);
    j->comma = false;
}

void pf_json_close(pf_json *j, char bracket)
{
    pf_buf_putc(j->out, bracket);
    j->comma = true;
}

void pf_json_key(pf_json *j, const char *key)
{
    begin_element(j);
    pf_buf_putc(j->out, '"');
    pf_buf_puts(j->out, key);
    pf_buf_put(j->out, "\":", 2);
    j->comma = false;
}

void pf_json_str(pf_json *j, pf_str s)
{
    begin_element(j);
    pf_buf_put_json(j->out, s);
}

void pf_json_int(pf_json *j, int64_t v)
{
    begin_element(j);
    pf_buf_put_int(j->out, v);
}

void pf_json_double(pf_json *j, double v, int digits)
{
    begin_element(j);
    pf_buf_printf(j->out, "%.*g", digits, v);
}

void pf_json_bool(pf_json *j, bool v)
{
    begin_element(j);
    pf_buf_puts(j->out, v ? "true" : "false");
}

void pf_json_null(pf_json *j)
{
    begin_element(j);
    pf_buf_puts(j->out, "null");
}

void pf_json_put_str(pf_json *j, const char *key, pf_str s)
{
    pf_json_key(j, key);
    pf_json_str(j, s);
}

void pf_json_put_int(pf_json *j, const char *key, int64_t v)
{
    pf_json_key(j, key);
    pf_json_int(j, v);
}

void pf_json_put_double(pf_json *j, const char *key, double v, int digits)
{
    pf_json_key(j, key);
    pf_json_double(j, v, digits);
}

void pf_json_put_bool(pf_json *j, const char *key, bool v)
{
    pf_json_key(j, key);
    pf_json_bool(j, v);
}

void pf_json_put_null(pf_json *j, const char *key)
{
    pf_json_key(j, key);
    pf_json_null(j);
}
