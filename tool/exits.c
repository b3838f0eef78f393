/* exits: from results of the library to exit codes. */
#include "exits.h"
#include <ws4d.h>

const char exit_table[] =
    "  0   all is well\n"
    "  1   an option, its value or the URL is wrong\n"
    "  2   a file, or standard output, cannot be read or written\n"
    "  3   what was to be sent cannot be: not UTF-8, not JSON, too large\n"
    "  4   the server's name was not found\n"
    "  5   the server refused the connection, or there is no way to it\n"
    "  6   the proxy refused, or failed\n"
    "  7   no TLS could be agreed, or the certificate is not trusted\n"
    "  8   the server answered with another HTTP status than 101\n"
    "  9   the server's answer to the opening handshake is wrong\n"
    "  10  the server broke the protocol, or sent too large a message\n"
    "  11  nothing came back in time\n"
    "  12  the connection broke\n"
    "  13  the server closed with another code than 1000, 1001 and none\n"
    "  14  fewer messages came than --count wants\n"
    "  15  no memory, no descriptors, or a fault of the library\n"
    "  129, 130, 143  ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM\n"
    "  141  the reader of standard output has gone\n";

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
