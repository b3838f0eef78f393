/* options: what the command line says. */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

typedef struct list {
    const char **items;
    size_t count;
} list;

enum { FORMAT_AUTO, FORMAT_RAW, FORMAT_PRETTY, FORMAT_JSON };
enum { WHEN_AUTO, WHEN_ALWAYS, WHEN_NEVER };
enum { BENCH_NONE, BENCH_ALL, BENCH_ECHO, BENCH_PING, BENCH_THROUGHPUT, BENCH_CONNECT };

/* One of --send and --file, which are sent in the order of the command line. */
typedef struct outgoing {
    int is_file;
    const char *value;
} outgoing;

#define FOR_EVER UINT32_MAX /* of --wait */
#define NOT_SAID (UINT32_MAX - 1)

typedef struct options {
    const char *url;
    /* the request */
    list headers, cookies, subprotocols, proxy_headers;
    const char *origin, *user, *bearer;
    /* the way */
    list resolve, connect_to;
    const char *proxy, *unix_socket, *bind;
    uint32_t redirects, timeout_ms, idle_timeout_ms, close_timeout_ms, max_time_ms;
    /* TLS */
    list cas, crls, pins;
    const char *cert, *key, *key_password, *server_name, *key_log;
    uint32_t tls_min;
    int insecure, no_system_trust;
    /* messages */
    outgoing *outgoing;
    size_t outgoing_count;
    int binary, json, no_input, nul, no_compression;
    uint32_t count, wait_ms, compression, ping_ms, ping_timeout_ms, close_code;
    size_t max_size;
    const char *close_reason;
    /* coming back */
    int reconnect;
    uint32_t max_attempts, max_delay_ms;
    /* output */
    uint32_t format, color, verbose;
    int quiet, summary, no_summary;
    const char *record, *replay;
    double speed;
    /* measuring */
    uint32_t bench, duration_ms, connections, window;
    size_t size;
    int help, version;
} options;

typedef enum option_kind {
    OPTION_HEADING, /* no option: words of --help */
    OPTION_FLAG,    /* int: 1 */
    OPTION_MORE,    /* uint32_t: one more each time */
    OPTION_STRING,  /* const char * */
    OPTION_LIST,    /* list: one more item */
    OPTION_NUMBER,  /* uint32_t from low to high */
    OPTION_SECONDS, /* uint32_t of milliseconds from low to high; FOR_EVER where high is that */
    OPTION_SIZE,    /* size_t of bytes from low on */
    OPTION_FACTOR,  /* double */
    OPTION_CHOICE,  /* uint32_t: which word of `choices` */
    OPTION_SEND,    /* outgoing */
    OPTION_FILE     /* outgoing */
} option_kind;

typedef struct option {
    const char *name;
    char letter; /* or 0 */
    option_kind kind;
    size_t offset; /* of its field in `options` */
    uint32_t low, high;
    const char *choices;  /* with bars between them; a first one that is empty: it may be said without a value */
    const char *argument; /* its word in --help; NULL: it takes none */
    const char *help;
} option;

extern const option option_table[];
extern const size_t option_count;

/* Reads the command line. 0; or EXIT_USAGE, with the reason printed. */
int options_read(options *o, int argc, char **argv);
void options_free(options *o);
void options_help(void);

/* Values. 1; or 0 if the text is none. */
int read_number(const char *value, uint32_t low, uint32_t high, uint32_t *number);
int read_milliseconds(const char *value, uint32_t *ms);
int read_size(const char *value, size_t *size);
int read_factor(const char *value, double *factor);
int read_choice(const char *value, const char *choices, uint32_t *which);

#endif
