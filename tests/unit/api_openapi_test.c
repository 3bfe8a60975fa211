/* The document that stands in the binary: the source's, with the version; and it names the routes that there are. */
#include "server/api/openapi.h"

#include "server/api/internal.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *document(void)
{
    json_error_t why;
    json_t *root = json_loadb(pf_openapi_json, pf_openapi_json_len, JSON_REJECT_DUPLICATES, &why);
    if (!root)
        fail_msg("line %d: %s", why.line, why.text);
    return root;
}

static const char *version_of(const json_t *root)
{
    const char *version =
        json_string_value(json_object_get(json_object_get(root, "info"), "version"));
    assert_non_null(version);
    return version;
}

static void test_it_has_the_version(void **state)
{
    (void)state;
    json_t *root = document();
    int major, minor, patch, end = 0;
    const char *version = version_of(root);
    assert_int_equal(sscanf(version, "%d.%d.%d%n", &major, &minor, &patch, &end), 3);
    assert_int_equal(version[end], 0);
    json_decref(root);
}

/* Byte for byte what people edit, but for the version. */
static void test_it_is_the_source(void **state)
{
    (void)state;
    json_t *root = document();
    const char *version = version_of(root), *marker = "\"@VERSION@\"";
    FILE *file = fopen("src/server/api/openapi.json", "rb");
    assert_non_null(file);
    static char source[1 << 20];
    size_t n = fread(source, 1, sizeof source - 1, file);
    fclose(file);
    assert_in_range(n, 1, sizeof source - 2);
    const char *at = strstr(source, marker);
    assert_non_null(at);
    assert_null(strstr(at + strlen(marker), "@VERSION@"));
    size_t before = (size_t)(at - source);
    size_t behind = n - before - strlen(marker);
    assert_int_equal(pf_openapi_json_len, before + strlen(version) + 2 + behind);
    assert_memory_equal(pf_openapi_json, source, before);
    assert_memory_equal(pf_openapi_json + pf_openapi_json_len - behind, source + n - behind,
                        behind);
    assert_int_equal(pf_openapi_json[pf_openapi_json_len], 0);
    assert_int_equal(pf_openapi_json[pf_openapi_json_len - 1], '\n');
    json_decref(root);
}

/* "/api/0/profiles/__pid__" is "/api/0/profiles/{id}" there, and "/api/0" has the slash that its links need. */
static const char *path_of(const char *label, char out[static 100])
{
    const char *hole = strstr(label, "__");
    if (strcmp(label, "/api/0") == 0)
        return "/api/0/";
    if (!hole)
        return label;
    snprintf(out, 100, "%.*s{%s}", (int)(hole - label), label,
             strcmp(hole, "__pid__") == 0 ? "id" : "file");
    return out;
}

static void test_it_names_every_route(void **state)
{
    (void)state;
    json_t *root = document();
    json_t *paths = json_object_get(root, "paths");
    size_t n = 0;
    for (size_t i = 0; pf_route_at(i); i++) {
        char text[100];
        const char *path = path_of(pf_route_at(i)->label, text);
        if (!pf_route_is_known(pf_route_at(i)))
            continue;
        if (!json_object_get(paths, path))
            fail_msg("openapi.json lacks %s", path);
        n++;
    }
    assert_true(n > 15);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_has_the_version),
        cmocka_unit_test(test_it_is_the_source),
        cmocka_unit_test(test_it_names_every_route),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
