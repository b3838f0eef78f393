//! Services of the system beyond its kernel.

/// Whether the system judges certificates by itself, and may ask the network meanwhile; elsewhere its trust is files.
pub(crate) const JUDGES_CERTIFICATES: bool = cfg!(any(target_vendor = "apple", target_os = "android"));

/// Whether the system has settings for proxies beside the environment's.
pub(crate) const HAS_PROXY_SETTINGS: bool = cfg!(target_os = "macos");

pub(crate) use super::own::may_have_variable;

/// Whether the names of environment variables are the same in upper and lower case.
pub(crate) const VARIABLES_IGNORE_CASE: bool = false;
