//! Whom the host wants to trust: the system or not, revocation lists, pins, another name, the version.
//! `docs/hostile.md`, line 14.

use super::wire::{percent, refused, silent};
use super::{echoes, server_saw, trusting, trusting_nobody, trusting_pem};
use ws4d_test_host::{Host, Options, api, c, name};
use ws4d_test_server::{CertKind, RSA_CA_PEM, Server};

fn path(path: &std::path::Path) -> std::ffi::CString {
    c(path.to_str().expect("UTF-8"))
}

fn with_crl(options: Options, file: &std::path::Path) -> Options {
    options.set(|api, o| (api.ws_options_set_crl_file)(o, path(file).as_ptr()))
}

#[test]
fn each_kind_of_key_and_a_whole_chain_are_accepted() {
    let server = Server::start();
    for kind in [CertKind::Rsa, CertKind::Ed25519, CertKind::Intermediate] {
        echoes(&Host::new(), &server.wss_with(kind, "/echo"), trusting(&server));
    }
}

#[test]
fn without_the_system_only_those_are_trusted_who_were_added() {
    let server = Server::start();
    let alone = |options: Options| options.set(|api, o| (api.ws_options_set_system_trust)(o, 0));
    echoes(&Host::new(), &server.wss("/echo"), alone(trusting(&server)));
    let unknown = refused(&server.wss_with(CertKind::UnknownCa, "/echo"), &alone(trusting(&server)));
    unknown.assert("WS_ERR_CERTIFICATE", "issuer");
    refused(&server.wss("/echo"), &alone(Options::new())).assert("WS_ERR_TLS", "Nobody is trusted");
    assert_eq!(name((api().ws_options_set_system_trust)(Options::new().0, 2)), "WS_ERR_INVALID_ARGUMENT");
}

#[test]
fn a_revoked_certificate_is_refused_where_a_list_says_so_and_only_there() {
    let server = Server::start();
    let url = server.wss_with(CertKind::Revoked, "/echo");
    echoes(&Host::new(), &url, trusting(&server));
    for system in [1, 0] {
        let options = || {
            let options = trusting(&server).set(|api, o| (api.ws_options_set_system_trust)(o, system));
            with_crl(options, &server.crl_file())
        };
        refused(&url, &options()).assert("WS_ERR_CERTIFICATE", "is revoked");
        echoes(&Host::new(), &server.wss("/echo"), options());
    }
}

#[test]
fn a_whole_chain_is_judged_by_the_lists_of_all_its_authorities() {
    let server = Server::start();
    let by_lists = || with_crl(trusting(&server), &server.chain_crl_file());
    let chain = server.wss_with(CertKind::Intermediate, "/echo");
    echoes(&Host::new(), &chain, by_lists());
    let revoked = server.wss_with(CertKind::RevokedBehindIntermediate, "/echo");
    echoes(&Host::new(), &revoked, trusting(&server));
    refused(&revoked, &by_lists()).assert("WS_ERR_CERTIFICATE", "is revoked, or one of its issuers is");
    let issuer = with_crl(trusting(&server), &server.intermediate_crl_file());
    refused(&chain, &issuer).assert("WS_ERR_CERTIFICATE", "is revoked, or one of its issuers is");
}

#[test]
fn a_list_that_is_missing_or_too_old_is_no_leave_to_connect() {
    let server = Server::start();
    let old = with_crl(trusting(&server), &server.expired_crl_file());
    refused(&server.wss("/echo"), &old)
        .assert("WS_ERR_CERTIFICATE", "was to be renewed by 2025-01-01 00:00:00 UTC");
    // The intermediate CA has no list.
    let url = server.wss_with(CertKind::Intermediate, "/echo");
    let some = with_crl(trusting(&server), &server.crl_file());
    refused(&url, &some)
        .assert("WS_ERR_CERTIFICATE", "no list of ws_options_set_crl_file is from its issuer");
    for file in [server.ca_file(), server.ca_file().with_file_name("nothing")] {
        let result = (api().ws_options_set_crl_file)(Options::new().0, path(&file).as_ptr());
        assert_eq!(name(result), "WS_ERR_FILE");
    }
}

fn pinned(options: Options, pin: &str) -> Options {
    options.set(|api, o| (api.ws_options_set_pinned_key_sha256)(o, c(pin).as_ptr()))
}

#[test]
fn a_pinned_key_must_be_the_server_s_with_verification_and_without() {
    let server = Server::start();
    let url = server.wss("/echo");
    let ws = silent(&url, &trusting(&server));
    let key = ws.tls_info().unwrap().key_sha256.unwrap();
    ws.abort();
    let other = "ab".repeat(32);
    for options in [|server: &Server| trusting(server), |_: &Server| trusting_nobody()] {
        echoes(&Host::new(), &url, pinned(options(&server), &key));
        echoes(&Host::new(), &url, pinned(pinned(options(&server), &other), &key));
        let refusal = refused(&url, &pinned(options(&server), &other));
        refusal.assert("WS_ERR_CERTIFICATE", "has the wrong key");
        assert!(refusal.message().contains(&key), "what could be pinned: {}", refusal.message());
        // In curl's words too.
        let base64 =
            refusal.message().split_once("(sha256//").unwrap().1.split_once(')').unwrap().0.to_owned();
        echoes(&Host::new(), &url, pinned(options(&server), &format!("sha256//{base64}")));
        echoes(&Host::new(), &url, pinned(options(&server), &base64));
    }
    // A pin is no trust.
    refused(&url, &pinned(Options::new(), &key)).assert("WS_ERR_CERTIFICATE", "issuer");
    for bad in ["", "sha256//", "ab", "sha1//qqo="] {
        let result = (api().ws_options_set_pinned_key_sha256)(Options::new().0, c(bad).as_ptr());
        assert_eq!(name(result), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
}

#[test]
fn another_server_name_is_asked_for_and_verified_and_the_host_header_stays() {
    let server = Server::start();
    let named =
        |name: &str| trusting(&server).set(|api, o| (api.ws_options_set_server_name)(o, c(name).as_ptr()));
    let url = server.wss_with(CertKind::WrongHost, "/echo");
    echoes(&Host::new(), &url, named("elsewhere.test"));
    server_saw(&server, "server_name=elsewhere.test");
    let authority = url.trim_start_matches("wss://").trim_end_matches("/echo");
    assert!(super::wire::request(&server).contains(&format!("Host: {authority}")));
    refused(&server.wss("/echo"), &named("elsewhere.test"))
        .assert("WS_ERR_CERTIFICATE", "it is for localhost, 127.0.0.1, ::1, not for elsewhere.test");
    echoes(&Host::new(), &server.wss("/echo"), named("127.0.0.1"));
    for bad in ["", "a b", "a:1"] {
        let result = (api().ws_options_set_server_name)(Options::new().0, c(bad).as_ptr());
        assert_eq!(name(result), "WS_ERR_INVALID_ARGUMENT", "{bad:?}");
    }
}

#[test]
fn a_server_of_an_older_version_than_wanted_is_refused() {
    let server = Server::start();
    let at_least = |version| trusting(&server).set(|api, o| (api.ws_options_set_min_tls_version)(o, version));
    let old = server.wss_with(CertKind::Tls12, "/echo");
    echoes(&Host::new(), &old, at_least(12));
    let refusal = refused(&old, &at_least(13));
    refusal.assert("WS_ERR_TLS", "another version of TLS than 1.3 (ws_options_set_min_tls_version)");
    echoes(&Host::new(), &server.wss_with(CertKind::Tls13, "/echo"), at_least(13));
    for bad in [0, 10, 11, 14, 0x0303, -1] {
        let result = (api().ws_options_set_min_tls_version)(Options::new().0, bad);
        assert_eq!(name(result), "WS_ERR_INVALID_ARGUMENT", "{bad}");
    }
}

/// `docs/hostile.md`, line 14: a name mismatch after a redirect. The name that the host gave was the first
/// server's alone.
#[test]
fn where_a_redirect_leads_the_certificate_must_be_for_the_new_name() {
    let server = Server::start();
    let to = |url: &str| server.wss(&format!("/redirect?to={}", percent(url.as_bytes())));
    let options = || trusting(&server).set(|api, o| (api.ws_options_set_max_redirects)(o, 1));
    let wrong = server.wss_with(CertKind::WrongHost, "/echo");
    refused(&to(&wrong), &options())
        .assert("WS_ERR_CERTIFICATE", "it is for elsewhere.test, not for localhost");
    let named = || options().set(|api, o| (api.ws_options_set_server_name)(o, c"localhost".as_ptr()));
    let by_address = |url: String| url.replace("localhost", "127.0.0.1");
    refused(&by_address(to(&by_address(wrong))), &named())
        .assert("WS_ERR_CERTIFICATE", "it is for elsewhere.test, not for 127.0.0.1");
}

/// A certificate of `openssl req -x509` says that it is a CA's, and not for what.
#[test]
fn a_certificate_that_was_given_itself_is_trusted_by_itself_for_its_names_and_its_time() {
    let server = Server::start();
    let trusting = |kind: CertKind, system: i32| {
        let pem = server.certificate_pem(kind);
        Options::new()
            .set(|api, o| (api.ws_options_set_ca_pem)(o, pem.as_ptr().cast(), pem.len()))
            .set(|api, o| (api.ws_options_set_system_trust)(o, system))
    };
    let url = server.wss_with(CertKind::SelfMade, "/echo");
    refused(&url, &Options::new()).assert("WS_ERR_CERTIFICATE", "ws_options_set_ca_file");
    for system in [0, 1] {
        echoes(&Host::new(), &url, trusting(CertKind::SelfMade, system));
        // Revocation lists are not asked for it.
        let listed = with_crl(trusting(CertKind::SelfMade, system), &server.crl_file());
        echoes(&Host::new(), &url, listed);
        let named = trusting(CertKind::SelfMade, system)
            .set(|api, o| (api.ws_options_set_server_name)(o, c"elsewhere.test".as_ptr()));
        refused(&url, &named).assert("WS_ERR_CERTIFICATE", "not for elsewhere.test");
        let old = server.wss_with(CertKind::SelfMadeExpired, "/echo");
        refused(&old, &trusting(CertKind::SelfMadeExpired, system))
            .assert("WS_ERR_CERTIFICATE", "it was valid until 2001-01-01 00:00:00 UTC");
        let nameless = server.wss_with(CertKind::SelfMadeNameless, "/echo");
        refused(&nameless, &trusting(CertKind::SelfMadeNameless, system))
            .assert("WS_ERR_CERTIFICATE", "-addext subjectAltName=DNS:localhost");
        // One that has the same names and another key.
        let other = Server::start();
        let stranger = other.wss_with(CertKind::SelfMade, "/echo");
        assert_eq!(refused(&stranger, &trusting(CertKind::SelfMade, system)).code(), "WS_ERR_CERTIFICATE");
        // Another certificate than its own is still judged as ever.
        echoes(&Host::new(), &server.wss("/echo"), super::trusting(&server));
    }
}

/// Its authority is trusted, and yet: how it was signed, and that it has no names of hosts.
#[test]
fn a_certificate_of_another_age_is_refused_with_the_cure() {
    let server = Server::start();
    for (kind, why) in [
        (CertKind::Sha1, "is signed in a way that is too weak or not known (SHA-1 with RSA)"),
        (CertKind::Version1, "is one of X.509 version 1 or 2"),
    ] {
        let refusal = refused(&server.wss_with(kind, "/echo"), &trusting_pem(RSA_CA_PEM));
        refusal.assert("WS_ERR_CERTIFICATE", why);
    }
}

#[test]
fn an_unknown_authority_above_a_chain_is_named() {
    let server = Server::start();
    refused(&server.wss_with(CertKind::Intermediate, "/echo"), &Options::new())
        .assert("WS_ERR_CERTIFICATE", "its chain ends at \"CN=ws4d test CA\", which is not trusted");
}

/// A pin holds without verification too, and what cannot be read has no key that could be a pinned one.
#[test]
fn a_certificate_that_cannot_be_read_is_none_of_the_pinned_ones() {
    let server = Server::start();
    let url = server.wss_with(CertKind::Damaged, "/echo");
    refused(&url, &pinned(trusting_nobody(), &"ab".repeat(32)))
        .assert("WS_ERR_CERTIFICATE", "cannot be read, so that its key is none of the pinned ones");
}

#[test]
fn an_address_that_is_written_as_a_name_is_told_as_what_it_is() {
    let server = Server::start();
    let url = server.wss_with(CertKind::AddressAsName, "/echo").replace("localhost", "127.0.0.1");
    refused(&url, &trusting(&server)).assert("WS_ERR_CERTIFICATE", "subjectAltName=IP:127.0.0.1");
}
