#include "server/http/h2_session.h"

#include "server/http/patience.h"

enum {
    WINDOW = 1 << 20, /* bytes of a stream and of the connection that may be under way */
    FRAME = 16 << 10, /* bytes of a frame that clients may send: RFC 9113 4.2 */
};

/* A frame holds 16 KiB of a head, unless the client likes it smaller. */
unsigned pf_h2_most_continuations(size_t header_max)
{
    return (unsigned)(header_max / FRAME) + PF_CONTINUATIONS;
}

static bool submit_settings(nghttp2_session *session, size_t header_max)
{
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, PF_H2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)header_max},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof *settings) == 0 &&
           nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0;
}

bool pf_h2_session_open(nghttp2_session **out, const nghttp2_session_callbacks *on,
                        size_t header_max, void *ctx)
{
    nghttp2_option *option;
    *out = NULL;
    if (nghttp2_option_new(&option) != 0)
        return false;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    /* What is too much is for patience.h to say. */
    nghttp2_option_set_stream_reset_rate_limit(option, UINT32_MAX, UINT32_MAX);
    nghttp2_option_set_max_continuations(option, pf_h2_most_continuations(header_max));
    bool ok = nghttp2_session_server_new2(out, on, ctx, option) == 0;
    nghttp2_option_del(option);
    return ok && submit_settings(*out, header_max);
}
