//! Services of the system beyond its kernel.

/// The system judges certificates by itself (schannel), and may ask the network meanwhile.
pub(crate) const JUDGES_CERTIFICATES: bool = true;

/// The system has settings for proxies beside the environment's.
pub(crate) const HAS_PROXY_SETTINGS: bool = true;

/// The names of environment variables are the same in upper and lower case.
pub(crate) const VARIABLES_IGNORE_CASE: bool = true;

/// Whether the environment may have a variable whose name ends so and begins with one of these bytes. Here the names are
/// asked for one by one.
pub(crate) fn may_have_variable(_: &str, _: &[u8]) -> bool {
    true
}
