/* options_table: each option once, for the reader of the command line and for --help. The man page and the completions have
   the same ones; tests/tool compares them. */
#include "options.h"
#include "exits.h"
#include <stdio.h>
#include <string.h>

#define HEADING(words) { NULL, 0, OPTION_HEADING, 0, 0, 0, NULL, NULL, words }
#define OPTION(name, letter, kind, field, argument, help) { name, letter, kind, offsetof(options, field), 0, 0, NULL, argument, help }
#define RANGE(name, letter, kind, field, low, high, argument, help) { name, letter, kind, offsetof(options, field), low, high, NULL, argument, help }
#define CHOICE(name, field, choices, argument, help) { name, 0, OPTION_CHOICE, offsetof(options, field), 0, 0, choices, argument, help }
#define LONGEST (NOT_SAID - 1)

enum { WIDTH = 32 }; /* of the first column of --help */

const option option_table[] = {
    HEADING("Request"),
    OPTION("header", 'H', OPTION_LIST, headers, "'NAME: VALUE'", "adds a header; may be repeated"),
    OPTION("cookie", 0, OPTION_LIST, cookies, "'A=1; B=2'", "adds cookies; may be repeated"),
    OPTION("origin", 0, OPTION_STRING, origin, "ORIGIN", "the Origin header, as browsers send it"),
    OPTION("subprotocol", 'p', OPTION_LIST, subprotocols, "NAME", "offers a subprotocol; may be repeated, the preferred one first"),
    OPTION("user", 'u', OPTION_STRING, user, "NAME[:PASSWORD]", "Basic authorization, or Digest if the server asks for it; prompts for the password"),
    OPTION("bearer", 0, OPTION_STRING, bearer, "TOKEN|@FILE", "'Authorization: Bearer TOKEN', or the first line of a file"),
    RANGE("redirects", 0, OPTION_NUMBER, redirects, 0, 100, "N", "follows up to N redirects (0)"),
    HEADING("Network"),
    OPTION("proxy", 0, OPTION_STRING, proxy, "URL", "http, https, socks5 or socks5h; '' for none (HTTPS_PROXY, ALL_PROXY, NO_PROXY)"),
    OPTION("proxy-header", 0, OPTION_LIST, proxy_headers, "'NAME: VALUE'", "adds a header for an HTTP proxy; may be repeated"),
    OPTION("unix", 0, OPTION_STRING, unix_socket, "PATH", "connects to a Unix socket; the URL still gives host and path"),
    OPTION("resolve", 0, OPTION_LIST, resolve, "HOST:PORT:ADDRESS", "an address instead of a look-up; may be repeated"),
    OPTION("connect-to", 0, OPTION_LIST, connect_to, "HOST:PORT:HOST:PORT", "another host and port to connect to; may be repeated"),
    OPTION("bind", 0, OPTION_STRING, bind, "ADDRESS", "the address of this machine to connect from"),
    RANGE("timeout", 't', OPTION_SECONDS, timeout_ms, 0, LONGEST, "SECONDS", "for the whole connection setup (30; 0: no limit)"),
    HEADING("TLS"),
    OPTION("ca", 0, OPTION_LIST, cas, "FILE", "trusts these authorities in addition (PEM); may be repeated"),
    OPTION("no-system-trust", 0, OPTION_FLAG, no_system_trust, NULL, "trusts only the authorities of --ca"),
    OPTION("crl", 0, OPTION_LIST, crls, "FILE", "revocation lists (PEM); may be repeated"),
    OPTION("cert", 0, OPTION_STRING, cert, "FILE", "the client's certificate and its chain (PEM)"),
    OPTION("key", 0, OPTION_STRING, key, "FILE", "its key (PEM), if it is not in the same file"),
    OPTION("key-password", 0, OPTION_STRING, key_password, "TEXT|@FILE", "the password of an encrypted key"),
    OPTION("pin", 0, OPTION_LIST, pins, "SHA256", "requires this key of the server (hex or sha256//base64); may be repeated"),
    OPTION("server-name", 0, OPTION_STRING, server_name, "NAME", "the name to ask for and to verify, instead of the URL's"),
    CHOICE("tls-min", tls_min, "1.2|1.3", "VERSION", "the lowest version of TLS: 1.2 or 1.3 (1.2)"),
    OPTION("insecure", 'k', OPTION_FLAG, insecure, NULL, "does not verify the server's certificate; for tests only"),
    OPTION("key-log", 0, OPTION_STRING, key_log, "FILE", "writes the session's secrets, for Wireshark"),
    HEADING("Sending and ending"),
    OPTION("send", 's', OPTION_SEND, outgoing, "TEXT", "sends a text message; may be repeated"),
    OPTION("file", 'f', OPTION_FILE, outgoing, "FILE", "sends a file as one message, - for standard input; may be repeated"),
    OPTION("binary", 'b', OPTION_FLAG, binary, NULL, "sends files and standard input as binary messages"),
    OPTION("json", 'j', OPTION_FLAG, json, NULL, "sends lines and files as JSON: checked, without white space"),
    OPTION("null", '0', OPTION_FLAG, nul, NULL, "messages end with NUL instead of a line break, in and out"),
    OPTION("no-input", 'n', OPTION_FLAG, no_input, NULL, "does not read standard input; stays until the server closes"),
    RANGE("wait", 'w', OPTION_SECONDS, wait_ms, 0, FOR_EVER, "SECONDS", "how long the server may be silent after the end of the input, or 'forever' (1)"),
    RANGE("count", 'c', OPTION_NUMBER, count, 1, UINT32_MAX, "N", "closes after N messages from the server"),
    RANGE("max-time", 0, OPTION_SECONDS, max_time_ms, 1, LONGEST, "SECONDS", "closes after this time"),
    RANGE("close-code", 0, OPTION_NUMBER, close_code, 1000, 4999, "CODE", "the code of our close frame: 1000, or 3000 to 4999 (1000)"),
    OPTION("close-reason", 0, OPTION_STRING, close_reason, "TEXT", "the reason in our close frame, at most 123 bytes"),
    HEADING("Connection"),
    RANGE("ping", 0, OPTION_SECONDS, ping_ms, 1, LONGEST, "SECONDS", "sends a ping at this interval, and measures the round trip"),
    RANGE("ping-timeout", 0, OPTION_SECONDS, ping_timeout_ms, 0, LONGEST, "SECONDS", "how long the server may take to answer a ping (20)"),
    RANGE("idle-timeout", 0, OPTION_SECONDS, idle_timeout_ms, 1, LONGEST, "SECONDS", "gives up after this time without data from the server"),
    RANGE("close-timeout", 0, OPTION_SECONDS, close_timeout_ms, 0, LONGEST, "SECONDS", "how long to wait for the server's close frame (5)"),
    RANGE("max-size", 0, OPTION_SIZE, max_size, 0, 0, "BYTES", "the largest message in either direction (64M; 0: no limit)"),
    RANGE("compression", 0, OPTION_NUMBER, compression, 0, 9, "LEVEL", "of permessage-deflate, 1 to 9; 0 is --no-compression (1)"),
    OPTION("no-compression", 0, OPTION_FLAG, no_compression, NULL, "does not offer compression"),
    OPTION("reconnect", 'r', OPTION_FLAG, reconnect, NULL, "connects again when the connection ends"),
    RANGE("max-attempts", 0, OPTION_NUMBER, max_attempts, 1, UINT32_MAX, "N", "with --reconnect: gives up after N failures in a row"),
    RANGE("max-delay", 0, OPTION_SECONDS, max_delay_ms, 1, LONGEST, "SECONDS", "with --reconnect: the longest delay between attempts (30)"),
    HEADING("Output"),
    CHOICE("format", format, "auto|raw|pretty|json", "HOW", "auto, raw, pretty or json (auto: pretty on a terminal, else raw)"),
    CHOICE("color", color, "auto|always|never", "WHEN", "auto, always or never (auto: on a terminal)"),
    OPTION("quiet", 'q', OPTION_FLAG, quiet, NULL, "prints only messages and errors"),
    OPTION("verbose", 'v', OPTION_MORE, verbose, NULL, "describes the connection; twice: also prints the library's log"),
    OPTION("summary", 0, OPTION_FLAG, summary, NULL, "prints a summary to standard error (default on a terminal)"),
    OPTION("no-summary", 0, OPTION_FLAG, no_summary, NULL, "prints no summary"),
    OPTION("record", 0, OPTION_STRING, record, "FILE", "writes everything sent and received as JSON lines with times"),
    OPTION("replay", 0, OPTION_STRING, replay, "FILE", "sends the messages of a recording again, with the same pauses"),
    OPTION("speed", 0, OPTION_FACTOR, speed, "FACTOR", "with --replay: 2 is twice as fast; 0: without pauses (1)"),
    HEADING("Measuring"),
    CHOICE("bench", bench, "|all|echo|ping|throughput|connect", "[=WHAT]", "measures an echo server: echo, throughput, connect or all (all); any server: ping"),
    RANGE("duration", 0, OPTION_SECONDS, duration_ms, 1, LONGEST, "SECONDS", "the length of each measurement (3)"),
    RANGE("size", 0, OPTION_SIZE, size, 0, 0, "BYTES", "the size of each message (32)"),
    RANGE("connections", 0, OPTION_NUMBER, connections, 1, 10000, "N", "the number of simultaneous connections (1)"),
    RANGE("window", 0, OPTION_NUMBER, window, 1, 1000000, "N", "for throughput: messages in flight on each connection (64)"),
    HEADING("About"),
    OPTION("help", 'h', OPTION_FLAG, help, NULL, "prints this"),
    OPTION("version", 'V', OPTION_FLAG, version, NULL, "prints the versions of the program and of the library"),
};
const size_t option_count = sizeof option_table / sizeof *option_table;

void options_help(void)
{
    puts("usage: ws4d [OPTION...] URL\n"
         "Talks to a WebSocket server: prints what comes, sends the lines of standard input.\n"
         "URL is ws:// or wss:// and host[:port]/path?query; http:// and https:// mean the same.");
    for (size_t i = 0; i < option_count; i++) {
        const option *it = &option_table[i];
        if (it->kind == OPTION_HEADING) {
            printf("\n%s:\n", it->help);
            continue;
        }
        char letter[] = "    ", words[64];
        if (it->letter != 0) memcpy(letter, (char[]){ '-', it->letter, ',' }, 3);
        const char *argument = it->argument != NULL ? it->argument : "";
        int len = snprintf(words, sizeof words, "  %s--%s%s%s", letter, it->name, *argument == '\0' || *argument == '[' ? "" : " ", argument);
        if (len < WIDTH) printf("%-*s%s\n", WIDTH, words, it->help);
        else printf("%s\n%*s%s\n", words, WIDTH, "", it->help);
    }
    printf("\nSECONDS can be 0.5, 500ms, 2m or 1h; BYTES can be 64K, 1M or 2G. Defaults are in parentheses.\n\n"
           "Exit codes:\n%s", exit_table);
}
