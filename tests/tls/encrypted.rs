//! A client's key that is kept encrypted with a password, as openssl writes it. API2 section 4.

use super::{Log, echoes, trusting};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use ws4d_test_host::{Errors, Host, Options, alone, api, c, name};
use ws4d_test_server::{CertKind, Server};

const PASSWORD: &str = "pa ss-w\u{f6}rd";

/// Encrypts a key, with these arguments of `openssl pkcs8 -topk8`.
fn encrypted(key: &Path, how: &[&str]) -> PathBuf {
    let out = key.with_extension(format!("{}.enc", how.join("")));
    let done = Command::new("openssl")
        .args(["pkcs8", "-topk8", "-passout", &format!("pass:{PASSWORD}")])
        .args(how)
        .arg("-in")
        .arg(key)
        .arg("-out")
        .arg(&out)
        .output()
        .expect("openssl");
    assert!(done.status.success(), "{how:?}: {}", String::from_utf8_lossy(&done.stderr));
    out
}

fn with_password(options: Options, password: &str) -> Options {
    options.set(|api, o| (api.ws_options_set_client_certificate_password)(o, c(password).as_ptr()))
}

/// What the setter for files says, and why.
fn by_file(options: &Options, chain: &Path, key: &Path) -> (String, String) {
    let [chain, key] = [chain, key].map(|path| c(path.to_str().expect("UTF-8")));
    let result = (api().ws_options_set_client_certificate_file)(options.0, chain.as_ptr(), key.as_ptr());
    (name(result), why(options))
}

/// What the setter for texts says, and why.
fn by_pem(options: &Options, chain: &Path, key: &Path) -> (String, String) {
    let [chain, key] = [chain, key].map(|path| fs::read(path).expect("a file"));
    let set = api().ws_options_set_client_certificate_pem;
    let result = set(options.0, chain.as_ptr().cast(), chain.len(), key.as_ptr().cast(), key.len());
    (name(result), why(options))
}

fn why(options: &Options) -> String {
    let errors = (api().ws_options_errors)(options.0);
    if errors.is_null() { String::new() } else { Errors::copy(errors).entries[0].2.clone() }
}

#[test]
fn each_form_in_which_openssl_encrypts_a_key_can_be_read() {
    let server = Server::start();
    let url = server.wss_with(CertKind::ClientRequired, "/echo");
    for (form, chain, key) in server.client_certificates() {
        if !form.starts_with("PKCS#8") {
            continue;
        }
        for how in [
            &["-v2", "aes-256-cbc"][..],
            &["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA512"],
            &["-v2", "des3", "-v2prf", "hmacWithSHA1"],
            &["-scrypt", "-scrypt_N", "1024"],
        ] {
            println!("{form} {how:?}");
            let key = encrypted(&key, how);
            let options = with_password(trusting(&server), PASSWORD);
            assert_eq!(by_file(&options, &chain, &key), ("WS_OK".into(), String::new()));
            echoes(&Host::new(), &url, options);
            let options = with_password(Options::new(), PASSWORD);
            assert_eq!(by_pem(&options, &chain, &key), ("WS_OK".into(), String::new()));
        }
    }
}

#[test]
fn without_a_password_or_with_a_wrong_one_the_setter_says_which_it_is_and_keeps_what_there_was() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let locked = encrypted(&key, &["-v2", "aes-256-cbc"]);
    let _alone = alone();
    let log = Log::start();
    let options = trusting(&server);
    assert_eq!(by_file(&options, &chain, &key).0, "WS_OK");
    for (password, text) in [
        (None, "it is encrypted: set the password first, with ws_options_set_client_certificate_password"),
        (Some("quite another one"), "the password of ws_options_set_client_certificate_password is wrong"),
        (Some(""), "the password of ws_options_set_client_certificate_password is wrong"),
    ] {
        if let Some(password) = password {
            let set = api().ws_options_set_client_certificate_password;
            assert_eq!(name(set(options.0, c(password).as_ptr())), "WS_OK");
        }
        for (said, code) in [
            (by_file(&options, &chain, &locked), "WS_ERR_FILE"),
            (by_pem(&options, &chain, &locked), "WS_ERR_INVALID_ARGUMENT"),
        ] {
            assert!(said.0 == code && said.1.contains(text), "{password:?}: {said:?}");
        }
    }
    // A key that is not encrypted needs none, and one there was stays where another is refused.
    assert_eq!(by_file(&with_password(Options::new(), "any"), &chain, &key).0, "WS_OK");
    echoes(&Host::new(), &server.wss_with(CertKind::ClientRequired, "/echo"), options);
    let right = with_password(with_password(Options::new(), "quite another one"), PASSWORD);
    assert_eq!(by_file(&right, &chain, &locked).0, "WS_OK", "the last password counts");
    let lines = log.stop();
    assert!(lines.iter().any(|line| line.contains("set the password first")), "{lines:?}");
    assert!(
        !lines.iter().any(|line| line.contains(PASSWORD) || line.contains("quite another one")),
        "{lines:?}"
    );
}

/// A key that says of itself that much memory is needed to decrypt it.
fn costly(key: &Path) -> String {
    let mut der = fs::read(encrypted(key, &["-scrypt", "-outform", "DER"])).expect("a key");
    // N is 16384, r 8, p 1.
    let cost = [2, 2, 0x40, 0, 2, 1, 8, 2, 1, 1];
    let at = der.windows(cost.len()).position(|window| window == cost).expect("the parameters of scrypt");
    der[at + 6] = 0x7f;
    let file = key.with_extension("costly");
    fs::write(&file, der).expect("a file");
    let base64 = Command::new("openssl").args(["base64", "-in"]).arg(file).output().expect("openssl");
    let base64 = String::from_utf8(base64.stdout).expect("base64");
    format!("-----BEGIN ENCRYPTED PRIVATE KEY-----\n{base64}-----END ENCRYPTED PRIVATE KEY-----\n")
}

#[test]
fn what_cannot_be_decrypted_says_what_to_do() {
    let server = Server::start();
    let (chain, key) = server.client_certificate_files();
    let locked = fs::read_to_string(encrypted(&key, &["-v2", "aes-256-cbc"])).expect("a key");
    let cut =
        locked.lines().take(2).collect::<Vec<_>>().join("\n") + "\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,0123456789ABCDEF\n\nAAAA\n\
               -----END RSA PRIVATE KEY-----\n";
    let costly = costly(&key);
    for (text, why) in [
        (cut.as_str(), "damaged, or encrypted in a way that is not known"),
        (old, "Proc-Type: 4,ENCRYPTED"),
        (&locked.replacen("MI", "M!", 1), "no base64"),
        (&costly, "more than 128 MiB (scrypt)"),
        (&locked.replace("END ENCRYPTED", "END OTHER"), "was it cut?"),
    ] {
        let wrong = key.with_extension("wrong");
        fs::write(&wrong, text).expect("a file");
        let said = by_file(&with_password(Options::new(), PASSWORD), &chain, &wrong);
        assert!(said.0 == "WS_ERR_FILE" && said.1.contains(why), "{why}: {said:?}");
    }
    let options = Options::new();
    let set = api().ws_options_set_client_certificate_password;
    assert_eq!(name(set(options.0, std::ptr::null())), "WS_ERR_INVALID_ARGUMENT");
    assert_eq!(
        why(&options),
        "ws_options_set_client_certificate_password(NULL) is refused: an argument is NULL, or out of its range"
    );
}
