//! The order of callbacks is a promise to the host.

use std::thread;

use ws4d_test_host::Host;
use ws4d_test_server::Server;

#[test]
fn terminate_is_the_last_callback_and_free_follows_it() {
    let server = Server::start();
    let host = Host::new();
    let ws = host.open(server.ws("/echo"));
    ws.send_text("hello");
    host.run_until("message text hello");
    ws.terminate(1000, "bye");
    host.run_until("free");
    assert_eq!(host.trace(), ["open", "message text hello", "terminate 1000 bye clean", "free"]);
    assert!(host.every_callback_ran_on(thread::current().id()));
}
