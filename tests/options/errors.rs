//! Why a setter refused its value: the options' error stack, and a line of the log. API2 section 2.

use crate::{says, text_setters, told};
use std::ffi::{c_char, c_void};
use std::fs;
use std::io;
use std::path::PathBuf;
use std::ptr;
use std::sync::Mutex;
use ws4d_test_host::codes::{WS_LOG_LEVEL_OFF, WS_LOG_LEVEL_WARN};
use ws4d_test_host::{Errors, Options, OptionsToken, alone, api, c, name, text};
use ws4d_test_server::Server;

fn os_code(options: &Options) -> i32 {
    Errors::copy((api().ws_options_errors)(options.0)).os_code
}

/// How the system itself refuses to read such a file.
fn refusal(path: &str) -> io::Error {
    fs::read(path).expect_err("no file")
}

/// A file with these bytes, in a folder that goes with the server.
fn file(server: &Server, name: &str, bytes: &[u8]) -> PathBuf {
    let path = server.ca_file().with_file_name(name);
    fs::write(&path, bytes).expect("a file");
    path
}

#[test]
fn a_file_that_is_not_there_is_named_with_the_system_s_error() {
    let options = Options::new();
    assert_eq!(told(&options), "");
    let nothing = "/nonexistent.pem";
    for (setter, of) in [
        (api().ws_options_set_ca_file, "ws_options_set_ca_file"),
        (api().ws_options_set_crl_file, "ws_options_set_crl_file"),
    ] {
        assert_eq!(says(setter, &options, nothing), "WS_ERR_FILE");
        let said = told(&options);
        assert!(
            said.starts_with(&format!("{of}(\"{nothing}\") is refused: the file cannot be opened")),
            "{said}"
        );
        assert_eq!(refusal(nothing).kind(), io::ErrorKind::NotFound);
        assert!(said.contains(&refusal(nothing).to_string()), "{said}");
        assert_eq!(Some(os_code(&options)), refusal(nothing).raw_os_error());
    }
    assert_eq!(says(api().ws_options_set_ca_file, &options, "/"), "WS_ERR_FILE");
    assert_eq!(Some(os_code(&options)), refusal("/").raw_os_error());
    assert_eq!(says(api().ws_options_set_key_log_file, &options, "/nonexistent/x"), "WS_ERR_FILE");
    assert!(told(&options).contains("cannot be written to"), "{}", told(&options));
    assert_eq!(Some(os_code(&options)), refusal("/nonexistent/x").raw_os_error());
    let long = "x".repeat(5000);
    assert_eq!(says(api().ws_options_set_ca_file, &options, &long), "WS_ERR_FILE");
    assert_eq!(Some(os_code(&options)), refusal(&long).raw_os_error());
}

#[test]
fn a_file_without_what_it_must_hold_is_told_by_what_it_holds() {
    let server = Server::start();
    let options = Options::new();
    let (chain, key) = server.client_certificate_files();
    let begin = "-----BEGIN CERTIFICATE-----\n";
    for (bytes, why) in [
        (&b"rubbish"[..], "there is no certificate in it"),
        (b"", "there is no certificate in it, but nothing at all"),
        (b"\x30\x82\x01\x00rest", "DER; convert it to PEM"),
        (&fs::read(&key).expect("a key"), "there is no certificate in it, but \"PRIVATE KEY\""),
        (begin.as_bytes(), "was it cut?"),
        (b"-----BEGIN CERTIFICATE\nAAAA\n", "a -----BEGIN ...----- line in it is malformed"),
        (format!("{begin}!!!!\n-----END CERTIFICATE-----\n").as_bytes(), "no base64"),
        (format!("{begin}AAAA\n-----END CERTIFICATE-----\n").as_bytes(), "no X.509 certificate"),
    ] {
        let path = file(&server, "wrong.pem", bytes);
        let path = path.to_str().expect("UTF-8");
        assert_eq!(says(api().ws_options_set_ca_file, &options, path), "WS_ERR_FILE");
        assert!(told(&options).contains(why), "{why}: {}", told(&options));
        let result = (api().ws_options_set_ca_pem)(options.0, bytes.as_ptr().cast(), bytes.len());
        assert_eq!(name(result), "WS_ERR_INVALID_ARGUMENT");
        assert!(told(&options).starts_with("ws_options_set_ca_pem(...) is refused"), "{}", told(&options));
        assert!(told(&options).contains(why), "{why}: {}", told(&options));
    }
    let damaged = |label: &str| {
        file(
            &server,
            &label.replace(' ', "-"),
            format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n").as_bytes(),
        )
    };
    for (chain, key, why) in [
        (&chain, &key.with_file_name("client-rsa.key"), "the key is not the certificate's"),
        (
            &chain,
            &chain,
            "the key: there is no private key (PKCS#8, PKCS#1 or SEC1) in it, but \"CERTIFICATE\"",
        ),
        (&key, &key, "the certificate chain: there is no certificate in it, but \"PRIVATE KEY\""),
        (&chain, &damaged("PRIVATE KEY"), "the key: it is damaged, or of a kind that is not known here"),
        (
            &damaged("CERTIFICATE"),
            &key,
            "the certificate chain: its first certificate is no X.509 certificate",
        ),
    ] {
        let [chain, key] = [chain, key].map(|path| c(path.to_str().expect("UTF-8")));
        let set = api().ws_options_set_client_certificate_file;
        assert_eq!(name(set(options.0, chain.as_ptr(), key.as_ptr())), "WS_ERR_FILE");
        assert!(told(&options).contains(why), "{why}: {}", told(&options));
    }
    let list = damaged("X509 CRL");
    assert_eq!(says(api().ws_options_set_crl_file, &options, list.to_str().expect("UTF-8")), "WS_ERR_FILE");
    assert!(
        told(&options).ends_with("it is no X.509 revocation list, or a damaged one"),
        "{}",
        told(&options)
    );
}

#[test]
fn each_refusal_says_what_is_wrong_and_what_would_be_right() {
    let options = Options::new();
    let api = api();
    let header =
        |name: &str, value: &str| (api.ws_options_set_header)(options.0, c(name).as_ptr(), c(value).as_ptr());
    let one = |setter: crate::TextSetter, value: &str| setter(options.0, c(value).as_ptr());
    let resolve = |host: &str, port, address: &str| {
        (api.ws_options_set_resolve)(options.0, c(host).as_ptr(), port, c(address).as_ptr())
    };
    assert_eq!(one(api.ws_options_set_subprotocol, "again"), 0);
    let no_name = if cfg!(windows) { "there are no Unix sockets on this system" } else { "empty" };
    type Case<'a> = (&'a dyn Fn() -> i32, &'a str, &'a str);
    let cases: &[Case<'_>] = &[
        (&|| header("Host", "x"), "ws_options_set_header(\"Host\", ...)", "sets this header itself"),
        (
            &|| header("proxy-authorization", "x"),
            "(\"proxy-authorization\", ...)",
            "ws_options_set_proxy_header",
        ),
        (&|| header("", "x"), "(\"\", ...)", "the name is empty"),
        (&|| header("X-A", "a\r\nb"), "(\"X-A\", ...)", "line break"),
        (&|| one(api.ws_options_set_cookie, "a"), "ws_options_set_cookie(...)", "name=value"),
        (
            &|| (api.ws_options_set_cookie)(options.0, c"\xff".as_ptr()),
            "ws_options_set_cookie((not UTF-8))",
            "a text is not valid UTF-8; convert it first",
        ),
        (&|| one(api.ws_options_set_subprotocol, "again"), "(\"again\")", "it is offered already"),
        (&|| one(api.ws_options_set_proxy, "localhost:3128"), "(\"localhost:3128\")", "no \"://\""),
        (&|| one(api.ws_options_set_proxy, "ftp://x"), "(\"ftp://x\")", "http://, https://, socks5://"),
        (&|| one(api.ws_options_set_subprotocol, "a, b"), "(\"a, b\")", "add several by several calls"),
        (&|| one(api.ws_options_set_pinned_key_sha256, "abc"), "(\"abc\")", "64 hex digits"),
        (&|| one(api.ws_options_set_server_name, ""), "(\"\")", "neither a host name nor an IP address"),
        (&|| one(api.ws_options_set_local_address, "eth0"), "(\"eth0\")", "no IPv4 or IPv6 address"),
        (&|| one(api.ws_options_set_unix_socket, ""), "(\"\")", no_name),
        (&|| one(api.ws_options_set_alpn, "a b"), "(\"a b\")", "commas between them"),
        (&|| (api.ws_options_set_cookie)(options.0, ptr::null()), "(NULL)", "NULL"),
        (&|| (api.ws_options_set_data_type)(options.0, 9), "(9)", "no ws_data_type"),
        (&|| (api.ws_options_set_compression)(options.0, 10), "(10)", "1 (fast) to 9 (small)"),
        (&|| (api.ws_options_set_compression_memory)(options.0, 0), "(0)", "1 (little) to 9 (much)"),
        (&|| (api.ws_options_set_compression_memory)(options.0, 10), "(10)", "1 (little) to 9 (much)"),
        (&|| (api.ws_options_set_compression_window_bits)(options.0, 7, 15), "(7, 15)", "8 to 15 bits"),
        (&|| (api.ws_options_set_verify)(options.0, 2), "(2)", "neither 0 nor 1"),
        (&|| (api.ws_options_set_min_tls_version)(options.0, 11), "(11)", "12 for TLS 1.2"),
        (&|| (api.ws_options_set_max_redirects)(options.0, 101), "(101)", "at most 100"),
        (&|| resolve("a b", 80, "127.0.0.1"), "(\"a b\", 80, \"127.0.0.1\")", "the host is none"),
        (&|| resolve("a", 0, "127.0.0.1"), "(\"a\", 0, ", "the port is 0"),
        (&|| resolve("a", 80, "b"), "80, \"b\")", "the address is no IPv4"),
    ];
    for (call, value, why) in cases {
        let result = call();
        assert!(result < 0, "{value}");
        let said = told(&options);
        assert!(said.starts_with("ws_options_set_") && said.contains(value), "{value}: {said}");
        assert!(said.contains(") is refused: ") && said.contains(why), "{why}: {said}");
        let errors = (api.ws_options_errors)(options.0);
        assert_eq!((api.ws_errors_code)(errors, 0), result, "the stack has the result's code");
    }
}

#[test]
fn a_password_is_not_shown() {
    let options = Options::new();
    for bad in
        ["http://user:secret@host/path", "user:secret@host:1", "socks4://user:secret@h", "http://a:sec/ret@b"]
    {
        assert_eq!(says(api().ws_options_set_proxy, &options, bad), "WS_ERR_INVALID_URL");
        let hidden = ["user:sec", "secret", "a:sec"].iter().all(|secret| !told(&options).contains(secret));
        assert!(hidden, "{}", told(&options));
    }
    (api().ws_options_set_header)(options.0, c"Host".as_ptr(), c"secret".as_ptr());
    assert!(!told(&options).contains("secret"), "{}", told(&options));
}

#[test]
fn the_stack_stays_until_another_setter_fails() {
    let options = Options::new();
    assert_eq!(says(api().ws_options_set_proxy, &options, "ftp://x"), "WS_ERR_INVALID_URL");
    let errors = (api().ws_options_errors)(options.0);
    assert_eq!(says(api().ws_options_set_proxy, &options, ""), "WS_OK");
    (api().ws_errors_free)(errors.cast_mut());
    assert_eq!(
        (api().ws_options_errors)(options.0),
        errors,
        "neither a success nor ws_errors_free changes it"
    );
    assert!(told(&options).contains("ftp://x"));
    assert_eq!(says(api().ws_options_set_cookie, &options, "a"), "WS_ERR_INVALID_HEADER");
    assert!(told(&options).contains("ws_options_set_cookie"));
    assert!((api().ws_options_errors)(Options::new().0).is_null());
    for none in [0, 5, usize::MAX] {
        assert!((api().ws_options_errors)(OptionsToken(none)).is_null());
    }
}

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

extern "C" fn keep(level: i32, _: *const c_char, message: *const c_char, o: *mut c_void) {
    assert_eq!(level, WS_LOG_LEVEL_WARN);
    // The log function is called with no lock held: it may use the options.
    let options = OptionsToken(o.addr());
    assert_eq!((api().ws_options_set_verify)(options, 1), 0);
    assert!(!(api().ws_options_errors)(options).is_null());
    LINES.lock().expect("not poisoned").push(text(message).expect("a text"));
}

#[test]
fn every_refusal_is_one_line_of_the_log() {
    let _alone = alone();
    let options = Options::new();
    (api().ws_set_log)(WS_LOG_LEVEL_WARN, Some(keep), ptr::without_provenance_mut(options.0.0));
    let mut told_so = Vec::new();
    for setter in text_setters() {
        let result = setter(options.0, c("\u{1}/").as_ptr());
        if result < 0 {
            told_so.push(told(&options));
        }
    }
    (api().ws_set_log)(WS_LOG_LEVEL_OFF, None, ptr::null_mut());
    let lines: Vec<String> = LINES.lock().expect("not poisoned").clone();
    assert!(told_so.len() >= 9, "{told_so:?}");
    for said in told_so {
        assert_eq!(lines.iter().filter(|line| **line == said).count(), 1, "{said}: {lines:?}");
    }
}
