//! Sockets of one process resume each other's sessions, where their options are the same, and only there.

use super::trusting;
use super::wire::silent;
use ws4d_test_host::{Host, Options, c};
use ws4d_test_server::{CertKind, Seen, Server};

/// Full handshakes and resumed ones that the server has seen.
fn handshakes(server: &Server) -> (usize, usize) {
    let log = server.log();
    let seen = |what: &str| {
        let fits =
            |event: &&ws4d_test_server::Event| matches!(&event.seen, Seen::Tls(tls) if tls.contains(what));
        log.iter().filter(fits).count()
    };
    (seen("resumed=false"), seen("resumed=true"))
}

/// A connection that lasts until the server's answer has come, and with it its tickets; whether it was resumed.
fn visit(url: &str, options: Options) -> bool {
    let host = Host::new();
    let ws = host.to(url).with(options).open();
    ws.send_text("hello");
    host.run_until("message text hello");
    let info = ws.tls_info().unwrap();
    assert!(info.certificate_is_known(), "{info:?}");
    ws.terminate(1000, "");
    host.run_until("free");
    info.resumed
}

trait Known {
    fn certificate_is_known(&self) -> bool;
}

impl Known for ws4d_test_host::TlsInfo {
    fn certificate_is_known(&self) -> bool {
        self.subject.as_deref() == Some("CN=localhost") && self.not_after > self.not_before
    }
}

#[test]
fn a_hundred_sockets_with_the_same_options_made_anew_shake_hands_in_full_once() {
    for kind in [CertKind::Tls13, CertKind::Tls12] {
        let server = Server::start();
        let url = server.wss_with(kind, "/echo");
        assert!(!visit(&url, trusting(&server)));
        for _ in 0..99 {
            assert!(visit(&url, trusting(&server)), "{kind:?}");
        }
        assert_eq!(handshakes(&server), (1, 99), "{kind:?}");
    }
}

/// What one set of options has proved, of the server or of the client, is not lent to another.
#[test]
fn other_options_shake_hands_anew() {
    let server = Server::start();
    let url = server.wss("/echo");
    visit(&url, trusting(&server));
    let strict = || trusting(&server).set(|api, o| (api.ws_options_set_min_tls_version)(o, 13));
    assert!(!visit(&url, strict()));
    let listed = || {
        let file = c(server.crl_file().to_str().unwrap());
        trusting(&server).set(|api, o| (api.ws_options_set_crl_file)(o, file.as_ptr()))
    };
    assert!(!visit(&url, listed()));
    let known = || {
        let (chain, key) = server.client_certificate_files();
        let [chain, key] = [chain, key].map(|path| c(path.to_str().unwrap()));
        trusting(&server)
            .set(|api, o| (api.ws_options_set_client_certificate_file)(o, chain.as_ptr(), key.as_ptr()))
    };
    assert!(!visit(&url, known()));
    for options in [strict(), listed(), known(), trusting(&server)] {
        assert!(visit(&url, options));
    }
    assert_eq!(handshakes(&server), (4, 4));
}

#[test]
fn a_session_that_was_not_verified_is_not_resumed_by_one_that_is() {
    let server = Server::start();
    let url = server.wss_with(CertKind::SelfSigned, "/echo");
    visit(&url, super::trusting_nobody());
    assert!(visit(&url, super::trusting_nobody()));
    super::refused(&url, &trusting(&server)).assert("WS_ERR_CERTIFICATE", "issuer");
    silent(&url, &super::trusting_nobody()).abort();
}
