/* exits: from results of the library to exit codes. */
#include "exits.h"
#include <ws4d.h>

const char exit_table[] =
    "  0   success\n"
    "  1   an option, its value or the URL is wrong\n"
    "  2   a file, or standard output, cannot be read or written\n"
    "  3   the input cannot be sent: it is not UTF-8, not JSON, or too large\n"
    "  4   the server's name was not found\n"
    "  5   the server refused the connection or cannot be reached\n"
    "  6   the proxy refused the connection or failed\n"
    "  7   TLS could not be set up, or the certificate is not trusted\n"
    "  8   the server answered the handshake with an HTTP status other than 101\n"
    "  9   the server's answer to the handshake is malformed\n"
    "  10  the server violated the protocol or sent a message that is too large\n"
    "  11  a timeout expired\n"
    "  12  the connection was lost\n"
    "  13  the server closed the connection with an error code\n"
    "  14  fewer messages arrived than --count asks for\n"
    "  15  out of memory or file descriptors, or an internal error\n"
    "  129, 130, 143  ended by SIGHUP, SIGINT (Ctrl-C) or SIGTERM\n"
    "  141  standard output was closed by its reader\n";

int exit_of(int32_t result, int sending)
{
    switch (result) {
    case WS_OK: return EXIT_WELL;
    case WS_ERR_FILE: return EXIT_FILE;
    case WS_ERR_INVALID_UTF8:
    case WS_ERR_INVALID_JSON:
    case WS_ERR_TOO_LARGE: return sending ? EXIT_INPUT : EXIT_PROTOCOL;
    case WS_ERR_CLOSED:
    case WS_ERR_CONNECTION_RESET: return EXIT_LOST;
    case WS_ERR_DNS: return EXIT_NAME;
    case WS_ERR_CONNECTION_REFUSED:
    case WS_ERR_UNREACHABLE: return EXIT_UNREACHABLE;
    case WS_ERR_TIMEOUT: return EXIT_TIMEOUT;
    case WS_ERR_PROXY: return EXIT_PROXY;
    case WS_ERR_HTTP_STATUS: return EXIT_STATUS;
    case WS_ERR_HANDSHAKE: return EXIT_HANDSHAKE;
    case WS_ERR_PROTOCOL: return EXIT_PROTOCOL;
    default: break;
    }
    /* A code that is newer than this program has the class of its block. */
    if (result > -20) return EXIT_USAGE;
    if (result > -40) return EXIT_MACHINE;
    if (result > -60) return EXIT_LOST;
    if (result > -80) return EXIT_TLS;
    if (result > -100) return EXIT_PROTOCOL;
    return EXIT_MACHINE;
}

int exit_of_close(int code)
{
    return code == 1000 || code == 1001 || code == 1005 ? EXIT_WELL : EXIT_CLOSED;
}
