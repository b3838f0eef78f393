//! What is above a limit is refused, and changes nothing. API2 section 4.

use crate::wire::{refused, request, silent};
use crate::{says, text_setters, told};
use std::fs::File;
use std::ptr;
use ws4d_test_host::codes::WS_NUL_TERMINATED;
use ws4d_test_host::{Options, api, c, name};
use ws4d_test_server::Server;

const KIB: usize = 1024;
const TOO_LARGE: &str = "WS_ERR_TOO_LARGE";

#[test]
fn a_text_above_64_kib_is_too_large_for_every_setter() {
    let options = Options::new();
    let long = "a".repeat(64 * KIB + 1);
    for setter in text_setters() {
        assert_eq!(says(setter, &options, &long), TOO_LARGE);
    }
    assert!(told(&options).contains("it is above its limit, which is 64 KiB"), "{}", told(&options));
    let (long, short) = (c(&long), c"a");
    for (first, second) in [(long.as_ptr(), short.as_ptr()), (short.as_ptr(), long.as_ptr())] {
        assert_eq!(name((api().ws_options_set_header)(options.0, first, second)), TOO_LARGE);
        assert_eq!(name((api().ws_options_set_resolve)(options.0, first, 80, second)), TOO_LARGE);
        assert_eq!(name((api().ws_options_set_client_certificate_file)(options.0, first, second)), TOO_LARGE);
    }
}

#[test]
fn a_long_header_is_sent_and_one_that_was_too_large_is_not() {
    let server = Server::start();
    let options = Options::new();
    let set = |name_of: &str, value: &str| {
        name((api().ws_options_set_header)(options.0, c(name_of).as_ptr(), c(value).as_ptr()))
    };
    let whole = "v".repeat(16 * KIB);
    assert_eq!(set("X-Whole", &whole), "WS_OK");
    assert_eq!(set("X-Long", &"v".repeat(64 * KIB + 1)), TOO_LARGE);
    silent(&server.ws("/echo"), &options).abort();
    let lines = request(&server);
    assert!(lines.contains(&format!("X-Whole: {whole}")));
    assert!(!lines.iter().any(|line| line.starts_with("X-Long")));
}

/// A megabyte of each: headers, cookies, subprotocols.
#[test]
fn a_megabyte_of_headers_is_taken_and_not_one_more() {
    let options = Options::new();
    let header =
        |value: &str| name((api().ws_options_set_header)(options.0, c"X-A".as_ptr(), c(value).as_ptr()));
    let cookie = |value: &str| says(api().ws_options_set_cookie, &options, &format!("a={value}"));
    let mut i = 0;
    let mut subprotocol = |value: &str| {
        i += 1;
        says(api().ws_options_set_subprotocol, &options, &format!("p{i}{value}"))
    };
    for set in [&mut { header } as &mut dyn FnMut(&str) -> String, &mut { cookie }, &mut subprotocol] {
        let value = "v".repeat(60 * KIB);
        let taken = (0..100).take_while(|_| set(&value) == "WS_OK").count();
        assert_eq!(taken, 17, "17 times 60 KiB are below a megabyte");
        assert_eq!(set(&value), TOO_LARGE);
        assert!(told(&options).ends_with(" together would be above 1 MiB"), "{}", told(&options));
        assert_eq!(set("short"), "WS_OK", "what still fits is taken");
    }
}

#[test]
fn a_pem_text_above_a_megabyte_is_too_large() {
    let options = Options::new();
    let (long, len) = (c(&"a".repeat(1024 * KIB + 1)), 1024 * KIB + 1);
    let pem = long.as_ptr().cast();
    for len in [len, usize::MAX - 1, WS_NUL_TERMINATED] {
        assert_eq!(name((api().ws_options_set_ca_pem)(options.0, pem, len)), TOO_LARGE);
        let set = api().ws_options_set_client_certificate_pem;
        assert_eq!(name(set(options.0, pem, len, pem, 1)), TOO_LARGE);
        assert_eq!(name(set(options.0, pem, 1, pem, len)), TOO_LARGE);
    }
    assert_eq!(name((api().ws_options_set_ca_pem)(options.0, ptr::null(), len)), "WS_ERR_INVALID_ARGUMENT");
}

#[test]
fn a_file_above_its_limit_is_too_large() {
    let options = Options::new();
    let folder = tempfile();
    for (setter, most) in
        [(api().ws_options_set_ca_file, 16 * KIB * KIB), (api().ws_options_set_crl_file, 64 * KIB * KIB)]
    {
        let path = folder.join(format!("{most}.pem"));
        // Holes take no room on the disk.
        File::create(&path).and_then(|file| file.set_len(most as u64 + 1)).expect("a file");
        assert_eq!(says(setter, &options, path.to_str().expect("UTF-8")), TOO_LARGE);
        let limit = format!("the file is above {} MiB", most / KIB / KIB);
        assert!(told(&options).ends_with(&limit), "{}", told(&options));
    }
    std::fs::remove_dir_all(folder).expect("ours");
}

fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("ws4d-limits-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn a_url_above_64_kib_is_too_large() {
    let long = format!("ws://127.0.0.1:1/{}", "x".repeat(64 * KIB));
    refused(&long, &Options::new()).assert(TOO_LARGE, "at most 64 KiB are taken");
    let mut errors = ptr::null_mut();
    let ws = (api().ws_new_async)(c(&long).as_ptr(), ptr::null(), Options::new().0, &mut errors);
    assert_eq!(ws, ws4d_test_host::Socket::NULL);
    assert_eq!(ws4d_test_host::Errors::take(errors).name(), TOO_LARGE);
}
