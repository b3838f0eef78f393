//! Who the client is: its certificate, in each form of the key.

use super::wire::{percent, refused};
use super::{echoes, server_saw, trusting};
use std::fs;
use std::path::Path;
use ws4d_test_host::{Host, Options, alone, api, c, name};
use ws4d_test_server::{CertKind, Server};

fn from_files(options: Options, chain: &Path, key: &Path) -> Options {
    let [chain, key] = [chain, key].map(|path| c(path.to_str().expect("UTF-8")));
    options.set(|api, o| (api.ws_options_set_client_certificate_file)(o, chain.as_ptr(), key.as_ptr()))
}

#[test]
fn a_server_that_asks_is_shown_the_client_s_certificate() {
    let server = Server::start();
    let url = server.wss_with(CertKind::ClientRequired, "/echo");
    for (form, chain, key) in server.client_certificates() {
        println!("{form}");
        echoes(&Host::new(), &url, from_files(trusting(&server), &chain, &key));
        server_saw(&server, "client=true");
        let [chain, key] = [&chain, &key].map(|path| fs::read(path).expect("a file"));
        let from_memory = trusting(&server).set(|api, o| {
            (api.ws_options_set_client_certificate_pem)(
                o,
                chain.as_ptr().cast(),
                chain.len(),
                key.as_ptr().cast(),
                key.len(),
            )
        });
        echoes(&Host::new(), &url, from_memory);
    }
}

#[test]
fn chain_and_key_may_be_one_file_and_nobody_else_is_told_who_the_client_is() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let both = chain.with_file_name("both.pem");
    fs::write(&both, [fs::read(&key).unwrap(), fs::read(&chain).unwrap()].concat()).unwrap();
    let options = || from_files(trusting(&server), &both, &both);
    echoes(&Host::new(), &server.wss_with(CertKind::ClientRequired, "/echo"), options());
    echoes(&Host::new(), &server.wss("/echo"), options());
    server_saw(&server, "client=false");
}

#[test]
fn a_certificate_of_another_authority_is_not_accepted_and_the_message_says_whose_it_is() {
    let server = Server::start();
    let foreign = Server::start();
    let (chain, key) = foreign.client_certificate_files();
    let options = from_files(trusting(&server), &chain, &key);
    let refusal = refused(&server.wss_with(CertKind::ClientRequired, "/echo"), &options);
    refusal.assert("WS_ERR_TLS", "does not accept the client certificate (alert");
}

/// `docs/hostile.md`, line 10: the client's certificate stays with the origin that it was given for.
#[test]
fn a_redirect_to_another_origin_does_not_take_the_certificate_along() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let options =
        || from_files(trusting(&server), &chain, &key).set(|api, o| (api.ws_options_set_max_redirects)(o, 1));
    let elsewhere = server.wss_with(CertKind::ClientRequired, "/echo");
    echoes(&Host::new(), &elsewhere, options());
    let first = server.wss(&format!("/redirect?to={}", percent(elsewhere.as_bytes())));
    let refusal = refused(&first, &options());
    refusal.assert("WS_ERR_TLS", "demands a client certificate (alert certificate required, 116)");
}

#[test]
fn what_does_not_fit_is_refused_by_the_setter_and_the_log_says_why_without_the_key() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let other = key.with_file_name("client-rsa.key");
    let secret = fs::read_to_string(&other).unwrap().lines().nth(1).unwrap().to_owned();
    let _alone = alone();
    let log = super::Log::start();
    for (chain, key) in [
        (&chain, &other),
        (&key, &chain),
        (&chain, &chain),
        (&key, &key),
        (&chain, &key.with_file_name("nothing")),
        (&key.with_file_name("nothing"), &key),
    ] {
        let [chain, key] = [chain, key].map(|path| c(path.to_str().expect("UTF-8")));
        let options = Options::new();
        let result = (api().ws_options_set_client_certificate_file)(options.0, chain.as_ptr(), key.as_ptr());
        assert_eq!(name(result), "WS_ERR_FILE", "{chain:?} {key:?}");
    }
    let lines = log.stop();
    assert!(lines.iter().any(|line| line.contains("certificate and key do not fit")), "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("the key: there is no private key")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("the certificate chain: there is no certificate")),
        "{lines:?}"
    );
    assert!(!lines.iter().any(|line| line.contains(&secret)));
}
