// qt: sockets in a Qt 6 program, in the two ways there are: a QSocketNotifier on the dispatcher's descriptor, and a wake that
// queues a call. A callback of the first socket opens a modal dialog, whose loop goes on delivering to the second one.
#include <QApplication>
#include <QMessageBox>
#include <QSocketNotifier>
#include <QTimer>
#include <iostream>
#include <memory>
#include <ws4d.hpp>

namespace {

// Qt does not let exceptions through its loop: what dispatches reports them, and ends the program.
void dispatch(ws4d::dispatcher &loop) noexcept {
    try {
        loop.dispatch();
    } catch (const std::exception &error) {
        std::cerr << "qt: " << error.what() << '\n';
        QCoreApplication::exit(1);
    }
}

} // namespace

int main(int argc, char **argv) try {
    QApplication application(argc, argv);
    QApplication::setQuitOnLastWindowClosed(false); // the dialog is the only window
    if (argc != 2)
        return std::cerr << "usage: qt ws://host[:port]/path\n", 2;

    // The first way: Qt watches the descriptor.
    ws4d::dispatcher watched;
    QSocketNotifier notifier(static_cast<qintptr>(watched.fd()), QSocketNotifier::Read);
    QObject::connect(&notifier, &QSocketNotifier::activated, [&] { dispatch(watched); });

    // The second way, which also works where Qt watches no descriptors: on any thread `wake` posts, and the call is queued.
    QObject receiver;
    std::unique_ptr<ws4d::dispatcher> woken;
    woken = std::make_unique<ws4d::dispatcher>([&] {
        QMetaObject::invokeMethod(&receiver, [&] { dispatch(*woken); }, Qt::QueuedConnection);
    });

    QMessageBox dialog(QMessageBox::Question, "ws4d", "The server has answered. Ask another one?", QMessageBox::Ok);
    bool inside = false;
    ws4d::handlers second;
    second.on_message = [&](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << (inside ? "inside the dialog" : "outside") << " the server says: " << message.text() << std::endl;
        ws.terminate(1000, "bye");
        dialog.accept();
    };
    ws4d::socket other = ws4d::socket::open_async(argv[1], *woken, std::move(second));

    ws4d::handlers first;
    first.on_message = [&](ws4d::socket_ref ws, const ws4d::event &message) {
        std::cout << "the server says: " << message.text() << std::endl;
        // While the dialog's loop runs, other sockets are served; the next event of this one waits until we return.
        inside = true;
        QTimer::singleShot(0, [&] { other.send_text("hello, dialog"); });
        dialog.exec();
        inside = false;
        ws.terminate(1000, "bye");
    };
    first.on_terminate = [&](const ws4d::event &end) {
        std::cout << "closed: " << end.code() << std::endl;
        QCoreApplication::quit();
    };
    ws4d::socket ws = ws4d::socket::open_async(argv[1], watched, std::move(first));
    ws.send_text("hello, world");
    return QApplication::exec();
} catch (const std::exception &error) {
    std::cerr << "qt: " << error.what() << '\n';
    return 1;
}
