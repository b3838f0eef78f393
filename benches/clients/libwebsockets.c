/* libwebsockets, one service thread. See bench.h for the kinds. */
#include "bench.h"

#include <libwebsockets.h>
#include <stdbool.h>

static bench b;
static struct lws_context *context;
static struct lws_protocols protocols[2];
static bool stop, echoes;
static size_t opened, closed, left, to_send, got_all, turn_of_line;
static size_t counts[4096];
static unsigned char *frame; /* room for lws's header, then the payload */

struct session {
    size_t number;
};

static void write_one(struct lws *wsi) {
    const char *text = b.line_count ? bench_line(&b, turn_of_line++) : b.payload;
    size_t len = b.line_count ? strlen(text) : (BENCH_IS(&b, "receive") || BENCH_IS(&b, "fan-in") ? 0 : b.size);
    /* It masks in place, so the text is copied each time. */
    memcpy(frame + LWS_PRE, text, len);
    if (lws_write(wsi, frame + LWS_PRE, len, LWS_WRITE_TEXT) < 0)
        bench_fail("lws_write");
}

static int callback(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len) {
    struct session *session = (struct session *)user;
    (void)in, (void)len;
    switch (reason) {
    case LWS_CALLBACK_CLIENT_ESTABLISHED:
        session->number = opened++;
        if (BENCH_IS(&b, "connect"))
            lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        bench_fail("the connection");
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        closed++;
        break;
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (!lws_is_final_fragment(wsi) || lws_remaining_packet_payload(wsi))
            break;
        counts[session->number]++;
        got_all++;
        if (left && --left == 0)
            stop = true;
        else if (echoes)
            lws_callback_on_writable(wsi);
        break;
    case LWS_CALLBACK_CLIENT_WRITEABLE:
        if (BENCH_IS(&b, "connect")) {
            lws_close_reason(wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
            return -1;
        }
        if (echoes) {
            write_one(wsi);
        } else if (to_send) {
            write_one(wsi);
            if (--to_send)
                lws_callback_on_writable(wsi);
        }
        break;
    default:
        break;
    }
    return 0;
}

static struct lws *connect_one(void) {
    static char host[] = "localhost";
    struct lws_client_connect_info info;
    memset(&info, 0, sizeof info);
    const char *port = strstr(b.url, "127.0.0.1:") + 10;
    info.context = context;
    info.address = "127.0.0.1";
    info.port = atoi(port);
    info.path = strchr(port, '/');
    info.host = info.origin = host;
    info.protocol = protocols[0].name;
    info.ssl_connection = strncmp(b.url, "wss", 3) == 0 ? LCCSCF_USE_SSL : 0;
    info.local_protocol_name = protocols[0].name;
    info.protocol = NULL;
    struct lws *wsi = lws_client_connect_via_info(&info);
    if (!wsi)
        bench_fail("lws_client_connect_via_info");
    return wsi;
}

static struct lws *open_one(void) {
    size_t before = opened;
    struct lws *wsi = connect_one();
    while (opened == before)
        lws_service(context, 0);
    return wsi;
}

static void serve_until_stop(void) {
    while (!stop)
        lws_service(context, 0);
    stop = false;
}

static void serve_for(double seconds) {
    double end = bench_now() + seconds;
    while (bench_now() < end) {
        lws_service(context, 0);
    }
}

static void round_trips(struct lws *wsi, size_t n) {
    left = n;
    lws_callback_on_writable(wsi);
    serve_until_stop();
}

static void wakes(lws_sorted_usec_list_t *sul) {
    lws_sul_schedule(context, 0, sul, wakes, 20 * LWS_US_PER_MS);
}

int main(int argc, char **argv) {
    b = bench_arguments(argc, argv);
    frame = (unsigned char *)malloc(LWS_PRE + b.size + 65536 + 16);
    protocols[0].name = "bench";
    protocols[0].callback = callback;
    protocols[0].per_session_data_size = sizeof(struct session);
    /* 0: whatever one read brought. */
    protocols[0].rx_buffer_size = 0;
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info;
    memset(&info, 0, sizeof info);
    info.port = CONTEXT_PORT_NO_LISTEN;
    info.protocols = protocols;
    info.options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
    info.client_ssl_ca_filepath = b.ca;
    /* Its buffer for all sockets; as large as the floor's. */
    info.pt_serv_buf_size = BENCH_IS(&b, "idle") ? 4096 : 256 * 1024;
    info.fd_limit_per_thread = 4096;
#if !defined(LWS_WITHOUT_EXTENSIONS)
    static const struct lws_extension extensions[] = {
        {"permessage-deflate", lws_extension_callback_pm_deflate, "permessage-deflate; client_max_window_bits"},
        {NULL, NULL, NULL}};
    if (b.line_count)
        info.extensions = extensions;
#else
    if (b.line_count)
        bench_unsupported();
#endif
    context = lws_create_context(&info);
    if (!context)
        bench_fail("lws_create_context");

    if (BENCH_IS(&b, "echo") || BENCH_IS(&b, "deflate")) {
        struct lws *wsi = open_one();
        echoes = true;
        round_trips(wsi, b.n / 10 + 1);
        bench_begin(&b);
        round_trips(wsi, b.n);
        bench_end(&b, b.n);
    } else if (BENCH_IS(&b, "receive") || BENCH_IS(&b, "send")) {
        struct lws *wsi = open_one();
        bool sends = BENCH_IS(&b, "send");
        left = sends ? 1 : b.n;
        to_send = sends ? b.n : 1;
        bench_begin(&b);
        lws_callback_on_writable(wsi);
        serve_until_stop();
        bench_end(&b, b.n);
    } else if (BENCH_IS(&b, "connect")) {
        for (size_t i = 0; i < b.n + b.n / 10 + 1; i++) {
            if (i == b.n / 10 + 1)
                bench_begin(&b);
            connect_one();
            while (closed <= i)
                lws_service(context, 0);
        }
        bench_end(&b, b.n);
    } else if (BENCH_IS(&b, "idle") || BENCH_IS(&b, "tick")) {
        open_one();
        double before = bench_rss();
        for (size_t i = 0; i < b.n; i++) {
            struct lws *wsi = open_one();
            if (b.line_count) {
                size_t so_far = got_all;
                to_send = 1;
                lws_callback_on_writable(wsi);
                while (got_all == so_far)
                    lws_service(context, 0);
            }
        }
        static lws_sorted_usec_list_t sul;
        wakes(&sul);
        if (BENCH_IS(&b, "idle")) {
            printf("kib=%.3f\n", (bench_rss() - before) / (double)b.n);
        } else {
            serve_for(BENCH_SETTLE);
            size_t so_far = got_all;
            bench_begin(&b);
            serve_for(BENCH_TICKING);
            bench_end_cpu(&b, got_all - so_far);
        }
    } else {
        bench_unsupported();
    }
    fflush(stdout);
    _exit(0);
}
