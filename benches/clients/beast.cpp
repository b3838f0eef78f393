// Boost.Beast, synchronous on one thread. See bench.h for the kinds.
#include "bench.h"

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket.hpp>
#include <boost/beast/websocket/ssl.hpp>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using Tcp = asio::ip::tcp::socket;
using Tls = asio::ssl::stream<Tcp>;

static bench b;
static asio::io_context io;
static asio::ssl::context tls(asio::ssl::context::tls_client);

template <class Next> using Socket = std::unique_ptr<websocket::stream<Next>>;

template <class Next> static Socket<Next> connect() {
    std::string rest = strstr(b.url, "127.0.0.1:") + 10;
    auto port = static_cast<unsigned short>(std::stoi(rest));
    asio::ip::tcp::endpoint server(asio::ip::address_v4::loopback(), port);
    Socket<Next> ws;
    if constexpr (std::is_same_v<Next, Tls>)
        ws = std::make_unique<websocket::stream<Next>>(io, tls);
    else
        ws = std::make_unique<websocket::stream<Next>>(io);
    auto &tcp = beast::get_lowest_layer(*ws);
    tcp.connect(server);
    tcp.set_option(asio::ip::tcp::no_delay(true));
    if constexpr (std::is_same_v<Next, Tls>) {
        SSL_set_tlsext_host_name(ws->next_layer().native_handle(), "localhost");
        ws->next_layer().set_verify_callback(asio::ssl::host_name_verification("localhost"));
        ws->next_layer().handshake(asio::ssl::stream_base::client);
    }
    websocket::permessage_deflate deflate;
    if (b.line_count) {
        deflate.client_enable = true;
        deflate.compLevel = 6;
    }
    ws->set_option(deflate);
    ws->auto_fragment(false);
    ws->read_message_max(64 << 20);
    ws->handshake("localhost", rest.substr(rest.find('/')));
    ws->text(true);
    return ws;
}

template <class Next> static void receive(Socket<Next> &ws, beast::flat_buffer &buffer) {
    buffer.clear();
    ws->read(buffer);
}

template <class Next> static void one_socket() {
    auto ws = connect<Next>();
    beast::flat_buffer buffer;
    buffer.reserve(256 * 1024);
    std::size_t turn = 0;
    auto payload = asio::buffer(b.payload, b.size);
    auto round_trips = [&](size_t n) {
        for (size_t i = 0; i < n; i++) {
            if (b.line_count)
                ws->write(asio::buffer(bench_line(&b, turn++), b.size));
            else
                ws->write(payload);
            receive<Next>(ws, buffer);
        }
    };
    if (BENCH_IS(&b, "echo") || BENCH_IS(&b, "deflate")) {
        round_trips(b.n / 10 + 1);
        bench_begin(&b);
        round_trips(b.n);
    } else if (BENCH_IS(&b, "receive")) {
        bench_begin(&b);
        ws->write(asio::buffer("", 0));
        for (size_t i = 0; i < b.n; i++)
            receive<Next>(ws, buffer);
    } else if (BENCH_IS(&b, "send")) {
        bench_begin(&b);
        for (size_t i = 0; i < b.n; i++)
            ws->write(payload);
        receive<Next>(ws, buffer);
    } else {
        bench_unsupported();
    }
    bench_end(&b, b.n);
}

template <class Next> static void connects() {
    for (size_t i = 0; i < b.n + b.n / 10 + 1; i++) {
        if (i == b.n / 10 + 1)
            bench_begin(&b);
        auto ws = connect<Next>();
        beast::error_code ignored;
        ws->close(websocket::close_code::normal, ignored);
    }
    bench_end(&b, b.n);
}

template <class Next> static void idle() {
    connect<Next>();
    double before = bench_rss();
    std::vector<Socket<Next>> sockets;
    for (size_t i = 0; i < b.n; i++) {
        sockets.push_back(connect<Next>());
        if (b.line_count) {
            beast::flat_buffer buffer;
            const char *line = bench_line(&b, i);
            sockets.back()->write(asio::buffer(line, strlen(line)));
            receive<Next>(sockets.back(), buffer);
        }
    }
    printf("kib=%.3f\n", (bench_rss() - before) / (double)b.n);
}

// Many sockets want the asynchronous interface.
template <class Next> static void tick() {
    std::vector<Socket<Next>> sockets;
    std::vector<beast::flat_buffer> buffers(b.n);
    size_t messages = 0;
    std::function<void(size_t)> read = [&](size_t i) {
        sockets[i]->async_read(buffers[i], [&, i](beast::error_code error, size_t) {
            if (error)
                bench_fail("async_read");
            messages++;
            buffers[i].clear();
            read(i);
        });
    };
    for (size_t i = 0; i < b.n; i++)
        sockets.push_back(connect<Next>());
    for (size_t i = 0; i < b.n; i++)
        read(i);
    io.run_for(std::chrono::milliseconds((int)(BENCH_SETTLE * 1e3)));
    size_t before = messages;
    bench_begin(&b);
    io.run_for(std::chrono::milliseconds((int)(BENCH_TICKING * 1e3)));
    bench_end_cpu(&b, messages - before);
}

template <class Next> static void run() {
    if (BENCH_IS(&b, "connect"))
        connects<Next>();
    else if (BENCH_IS(&b, "idle"))
        idle<Next>();
    else if (BENCH_IS(&b, "tick"))
        tick<Next>();
    else
        one_socket<Next>();
}

int main(int argc, char **argv) {
    b = bench_arguments(argc, argv);
    tls.load_verify_file(b.ca);
    tls.set_verify_mode(asio::ssl::verify_peer);
    try {
        if (strncmp(b.url, "wss", 3) == 0)
            run<Tls>();
        else
            run<Tcp>();
    } catch (const std::exception &error) {
        bench_fail(error.what());
    }
    fflush(stdout);
    _exit(0);
}
