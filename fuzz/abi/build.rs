//! The frames of C through which the host's functions are called, as the package ws4d itself compiles them.

fn main() {
    const SOURCE: &str = "../../src/call_host.c";
    println!("cargo::rerun-if-changed={SOURCE}");
    cc::Build::new().file(SOURCE).std("gnu99").flag_if_supported("-fexceptions").compile("ws4d_call_host");
}
