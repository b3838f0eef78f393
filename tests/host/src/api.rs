//! The exported C functions: how the library is found and loaded. `functions.rs` and `types.rs` have the declarations, which
//! `scripts/bindings.py` writes from `include/ws4d.h`.
//!
//! They are declared safe: tests pass what they like, and the library must survive it. Only the plain pointers
//! (events, errors, JSON, texts) are the caller's to keep alive, as in C.

use std::env;
use std::ffi::{CStr, OsString, c_char};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use libloading::Library;

use crate::error_texts;
use crate::functions::Api;

/// Does not compile where a struct is not laid out as it is in C.
macro_rules! layout {
    ($name:ty, $size:literal: $($field:ident $offset:literal),*) => {
        const _: () = assert!(size_of::<$name>() == $size $(&& offset_of!($name, $field) == $offset)*);
    };
}
pub(crate) use layout;

/// Declares the functions, and how they are found in the library.
macro_rules! functions {
    ($($name:ident($($type:ty),*) $(-> $result:ty)?;)*) => {
        /// Every exported function, a field each: `(api().ws_ping)(ws, ptr::null(), 0)`.
        pub struct Api {
            $(#[doc = concat!("`", stringify!($name), "`, see ws4d.h.")]
            pub $name: extern "C" fn($($type),*) $(-> $result)?,)*
        }

        impl Api {
            /// The names of the fields.
            pub const NAMES: &[&str] = &[$(stringify!($name)),*];

            pub(crate) fn load(library: &libloading::Library) -> Result<Api, &'static str> {
                Ok(Api {
                    // SAFETY: the types are those of the header.
                    $($name: *unsafe { library.get(concat!(stringify!($name), "\0").as_bytes()) }
                        .map_err(|_| concat!("lacks ", stringify!($name), ", so it is an old one"))?,)*
                })
            }
        }
    };
}
pub(crate) use functions;

/// The library's functions; loads it at the first call, for ever.
///
/// # Panics
/// If the library is not where [`library_path`] says, or lacks a function.
pub fn api() -> &'static Api {
    static API: OnceLock<Api> = OnceLock::new();
    API.get_or_init(|| {
        let path = library_path();
        warn_if_stale(&path);
        // SAFETY: the library runs no code at load but the C library's own.
        let library = unsafe { Library::new(&path) };
        let library = library.unwrap_or_else(|error| {
            panic!("{}: {error}; build it with `cargo build -p ws4d`, or set WS4D_LIBRARY", path.display())
        });
        let api = Api::load(&library).unwrap_or_else(|error| panic!("{} {error}", path.display()));
        std::mem::forget(library);
        error_texts::file();
        api
    })
}

/// Where the library is: `WS4D_LIBRARY`, else beside the folder of the test's executable, where cargo puts it.
///
/// # Panics
/// If the executable has no path.
pub fn library_path() -> PathBuf {
    if let Some(path) = env::var_os("WS4D_LIBRARY").filter(|path| !path.is_empty()) {
        return path.into();
    }
    let name: OsString = libloading::library_filename("ws4d");
    let executable = env::current_exe().expect("an executable has a path");
    let folders = executable.ancestors().skip(1).take(3).map(|folder| folder.join(&name));
    folders.clone().find(|path| path.exists()).or_else(|| folders.clone().nth(1)).expect("target/debug")
}

/// Cargo runs tests without building the cdylib first; whoever sees a test fail should know.
fn warn_if_stale(library: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders = ["src", "client/src", "protocol/src"].map(|folder| root.join(folder)).to_vec();
    let Ok(built) = library.metadata().and_then(|file| file.modified()) else { return };
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.modified().is_ok_and(|changed| changed > built) {
                eprintln!("{} is older than {}", library.display(), entry.path().display());
                return;
            }
        }
    }
}

/// A copy of a text of the library; `None` for NULL.
#[expect(clippy::not_unsafe_ptr_arg_deref, reason = "safe as the functions are: see above")]
pub fn text(text: *const c_char) -> Option<String> {
    // SAFETY: the library's texts end with a NUL, and live long enough to be copied.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned())
}

/// `ws_result_name`, the form in which tests read results.
pub fn name(result: i32) -> String {
    text((api().ws_result_name)(result)).unwrap_or_else(|| format!("{result}?"))
}
