//! The process.

use windows_sys::Win32::System::LibraryLoader::{
    GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
};

#[link(name = "ntdll")]
unsafe extern "system" {
    fn RtlDllShutdownInProgress() -> u8;
}

/// Called once, before the library makes its first process-wide value. Its threads outlive a FreeLibrary, and with them its
/// code must stay, so the module is pinned. There are no forks.
pub(crate) fn on_first_use(_: extern "C" fn()) {
    let mut module = std::ptr::null_mut();
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    let here = on_first_use as fn(extern "C" fn()) as *const u16;
    // SAFETY: with that flag the name is any address in the module; `module` lives through the call. In a static library it
    // is the program's module, which stays anyhow.
    unsafe { GetModuleHandleExW(flags, here, &mut module) };
}

/// Whether the system has ended the process's other threads already, in the midst of whatever they did: a lock that one of
/// them held is never released.
#[inline]
pub(crate) fn is_ending() -> bool {
    // SAFETY: takes nothing, and reads one flag of the loader's.
    unsafe { RtlDllShutdownInProgress() != 0 }
}
